// sources: lib/contract/multipart.c lib/contract/text.c lib/base/gh.c lib/base/buf.c
/*
 * tests/fuzz/fuzz_multipart.c - multipart forms: in one piece and in small ones the same parts come out, or both are refused
 *
 * Input: the size of a piece, then the body; the boundary is "b".
 */
#include "tests/fuzz/fuzz.h"

#include "base/buf.h"
#include "contract/multipart.h"
#include "contract/validate.h"

static bool
begin(void *arg, const gh_part_t *p)
{
    FUZZ_CHECK(p->name.n > 0 && gh_utf8_length(p->name) > 0 && gh_utf8_length(p->file_name) >= 0);
    FUZZ_CHECK(p->file_name.n == 0 || (!memchr(p->file_name.p, '/', p->file_name.n) &&
                                       !memchr(p->file_name.p, '\0', p->file_name.n)));
    gh_buf_putc(arg, '{');
    gh_buf_str(arg, p->name);
    gh_buf_str(arg, p->file_name);
    gh_buf_str(arg, p->type);
    gh_buf_putc(arg, '|');
    return true;
}

static bool
data(void *arg, gh_str_t bytes)
{
    FUZZ_CHECK(bytes.n > 0);
    gh_buf_str(arg, bytes);
    return true;
}

static bool
end(void *arg)
{
    gh_buf_putc(arg, '}');
    return true;
}

static int
read_by(gh_str_t body, size_t piece, gh_buf_t *out)
{
    gh_multipart_t m;
    FUZZ_CHECK(gh_multipart_init(&m, GH_STR("multipart/form-data; boundary=b"),
                                 &(gh_multipart_sink_t){begin, data, end, out}) == 0);
    while (body.n) {
        size_t n = piece < body.n ? piece : body.n;
        if (gh_multipart_feed(&m, (gh_str_t){body.p, n}))
            return -1;
        body = (gh_str_t){body.p + n, body.n - n};
    }
    return gh_multipart_finish(&m);
}

int
LLVMFuzzerTestOneInput(const uint8_t *in, size_t n)
{
    if (n < 1)
        return -1;
    gh_str_t body = {(const char *)in + 1, n - 1};
    gh_buf_t whole = GH_BUF_INIT, pieces = GH_BUF_INIT;
    int a = read_by(body, n, &whole), b = read_by(body, 1u + in[0] % 7u, &pieces);
    FUZZ_CHECK(a == b);
    if (a == 0)
        FUZZ_CHECK(gh_str_eq(gh_buf_view(&whole), gh_buf_view(&pieces)));
    gh_buf_fini(&whole);
    gh_buf_fini(&pieces);
    return a == 0 ? 0 : 1;
}

void
fuzz_examples(void)
{
    static const char *const good[] = {
        "1--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--\r\n",
        "2--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.png\"\r\nContent-Type: "
        "image/png\r\n\r\n\x89PNG\r\n\r\n--b\r\nContent-Disposition: form-data; name=b; "
        "filename*=UTF-8''%E6%A3%80.png\r\n\r\n\r\n-\r\n--\r\n--b--",
        "3\r\n--b \r\nContent-Disposition: form-data; name=\"a\\\"b\"; filename=\"C:\\x\\y\"\r\nX: "
        "y\r\n\r\n\r\r\n\r\n--b--",
    };
    for (size_t i = 0; i < GH_COUNT(good); i++)
        fuzz_add(good[i], strlen(good[i]));
}
