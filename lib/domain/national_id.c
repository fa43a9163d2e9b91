/*
 * lib/domain/national_id.c - see national_id.h
 */
#include "domain/national_id.h"

#include "base/log.h"

#define SEALED_MAX 256 /* bytes of a sealed identity number */

/* "0a1f" -> bytes; their number, -1 when the text is none or too long. */
static int
unhex(gh_str_t text, uint8_t out[SEALED_MAX])
{
    if (text.n % 2 || text.n > 2 * SEALED_MAX)
        return -1;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (v < 0)
            return -1;
        out[i / 2] = (uint8_t)(i % 2 ? out[i / 2] << 4 | v : v);
    }
    return (int)(text.n / 2);
}

int
gh_national_id_masked(const gh_seal_t *seal, int64_t patient_id, gh_str_t sealed_hex, char out[GH_MASKED_ID])
{
    uint8_t sealed[SEALED_MAX];
    gh_buf_t plain GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    int n = unhex(sealed_hex, sealed);
    gh_seal_place_t place = {"patients", "national_id_enc", patient_id};
    if (n < 0 || !seal || gh_seal_open(seal, place, (gh_str_t){(const char *)sealed, (size_t)n}, &plain)) {
        gh_log(GH_LOG_ERROR, "sealed_value_closed", GH_KS("table", "patients"),
               GH_KS("column", "national_id_enc"), GH_KI("row", patient_id));
        return -1;
    }
    gh_mask_id(gh_buf_view(&plain), out);
    explicit_bzero(plain.p, plain.n);
    return 0;
}
