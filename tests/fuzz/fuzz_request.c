// sources: lib/contract/*.c lib/wire/mp.c lib/wire/job.c lib/base/buf.c lib/base/json.c lib/base/gh.c lib/base/money.c lib/base/timez.c lib/base/log*.c lib/base/hash.c lib/base/error.c lib/base/uuid7.c lib/base/mail.c lib/base/media.c
/*
 * tests/fuzz/fuzz_request.c - requests against the real contract: match the path, check query and body, pack arguments
 *
 * Input: method letter, kind letter (j, f, n), path?query, newline, body. What passes is msgpack that the workers'
 * reader accepts.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/timez.h"
#include "contract/validate.h"
#include "wire/mp.h"

static gh_contract_t *contract;

static void
s_load(void)
{
    char dir[4096];
    const char *share = getenv("GUAHAO_SHARE");
    snprintf(dir, sizeof dir, "%s/schema/openapi", share ? share : "../..");
    gh_log_init("fuzz", GH_LOG_ERROR, GH_LOGFMT);
    if (gh_tz_init("Asia/Shanghai") == 0)
        contract = gh_contract_load(dir, NULL);
    if (!contract) {
        fprintf(stderr, "no contract at %s (set GUAHAO_SHARE)\n", dir);
        exit(1);
    }
}

static gh_method_t
s_method(uint8_t c)
{
    static const char letters[GH_METHOD_COUNT] = "GPUAD";
    for (size_t i = 0; i < GH_METHOD_COUNT; i++)
        if (letters[i] == (char)c)
            return (gh_method_t)i;
    return (gh_method_t)(c % GH_METHOD_COUNT);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (!contract)
        s_load();
    if (n < 3)
        return -1;
    gh_method_t method = s_method(data[0]);
    uint8_t kind = data[1];
    const char *p = (const char *)data + 2, *end = (const char *)data + n;
    const char *nl = memchr(p, '\n', (size_t)(end - p));
    const char *line_end = nl ? nl : end;
    const char *mark = memchr(p, '?', (size_t)(line_end - p));
    gh_str_t path = {p, (size_t)((mark ? mark : line_end) - p)};
    gh_match_t m;
    gh_contract_match(contract, method, path, &m);
    if (!m.op)
        return -1;
    gh_request_in_t in = {.op = m.op,
                          .params = m.params,
                          .kind = kind == 'j'   ? GH_BODY_JSON
                                  : kind == 'f' ? GH_BODY_FORM
                                                : GH_BODY_NONE};
    if (mark)
        in.query = (gh_str_t){mark + 1, (size_t)(line_end - mark) - 1};
    if (nl && in.kind != GH_BODY_NONE)
        in.body = (gh_str_t){nl + 1, (size_t)(end - nl) - 1};
    gh_buf_t args = GH_BUF_INIT, shard = GH_BUF_INIT;
    gh_faults_t faults = {0};
    gh_err_t err = gh_request_check(&in, &args, &faults);
    FUZZ_CHECK(faults.n <= GH_FAULTS_MAX);
    if (err == GH_E_NONE) {
        gh_mp_t root;
        FUZZ_CHECK(gh_buf_ok(&args) && gh_mp_check(args.p, args.n, 0, &root) == 0 &&
                   gh_mp_type(root) == GH_MP_MAP);
        gh_request_shard(m.op, gh_buf_view(&args), &shard);
    }
    gh_buf_fini(&args);
    gh_buf_fini(&shard);
    return err == GH_E_NONE
               ? 0
               : 1; /* a refusal is an answer too: only inputs without an operation are worthless */
}

void
fuzz_examples(void)
{
    static const char *const good[] = {
        "Pj/patient/"
        "appointments\n{\"scheduleId\":1,\"hospitalId\":1,\"departmentId\":1,\"patientId\":1,\"symptoms\":"
        "\"x\"}",
        "Pj/api/v1/"
        "appointments\n{\"schedule_id\":880,\"slot_no\":5,\"reason\":\"\\u5934\\ud83d\\ude00\",\"visit_"
        "type\":\"video\"}",
        "Pj/api/appointments\n{\"doctor_id\":7,\"start_time\":\"2026-03-12T09:00:00+08:00\",\"notes\":null}",
        "Pj/appointment/\n{\"doctor_id\":7,\"date_time\":\"2026-03-12 09:00:00\",\"description\":\"a\"}",
        "Gn/api/v1/"
        "appointments?status=SCHEDULED&page=2&page_size=50&sort=-start_time&fields=id,status&doctor_id=1,2",
        "Gn/appointment/by_doctor/12?skip=0&limit=5&expand=true",
        "Gn/patient/appointments?page=1&pageSize=10&status=confirmed",
        "Un/patient/appointments/17/cancel\n",
        "Pj/api/v1/appointments/17/cancel\n{\"reason\":\"ill\",\"override\":false}",
        "Dn/appointment/?appointment_id=17",
        "Pf/auth/token\ngrant_type=password&username=a%40b.c&password=p+q%21",
        "Pj/auth/patient/login\n{\"phonenumber\":\"13800000001\",\"password\":\"Guahao-2026\"}",
    };
    for (size_t i = 0; i < GH_COUNT(good); i++)
        fuzz_add(good[i], strlen(good[i]));
}
