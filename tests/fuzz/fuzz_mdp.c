// sources: lib/wire/mdp.c
/*
 * tests/fuzz/fuzz_mdp.c - Majordomo framing; the input is cut into frames by a length byte each
 */
#include "tests/fuzz/fuzz.h"

#include "wire/mdp.h"

#define FRAMES_MAX 12

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    gh_str_t frames[FRAMES_MAX];
    size_t count = 0;
    while (n > 0 && count < FRAMES_MAX) {
        size_t want = *data++;
        n--;
        want = want < n ? want : n;
        frames[count++] = (gh_str_t){(const char *)data, want};
        data += want;
        n -= want;
    }
    gh_mdp_msg_t m;
    if (gh_mdp_parse(frames, count, &m) != 0)
        return -1;
    FUZZ_CHECK(m.version == 1 || m.version == 2);
    FUZZ_CHECK(m.body <= count);
    if (m.side == GH_MDP_CLIENT)
        FUZZ_CHECK(m.service.n >= 1 && m.service.n <= GH_MDP_SERVICE_MAX && m.body < count);
    else if (m.command == GH_MDPW_READY)
        FUZZ_CHECK(gh_mdp_service_valid(m.service));
    else if (m.command == GH_MDPW_FINAL || m.command == GH_MDPW_PARTIAL)
        FUZZ_CHECK(m.client.n >= 1 && m.body < count);
    return 0;
}

void
fuzz_examples(void)
{
    static const char *const good[] = {"\x06MDPC02\x01\x01\x07"
                                       "booking\x02hi",
                                       "\x06MDPW02\x01\x01\x07"
                                       "booking\x02"
                                       "64",
                                       "\x06MDPW02\x01\x01\x07"
                                       "booking",
                                       "\x06MDPW02\x01\x04\x05"
                                       "12345\x00\x02ok",
                                       "\x06MDPW02\x01\x05",
                                       "\x06MDPW02\x01\x06",
                                       "\x00\x06MDPC01\x07"
                                       "booking\x02hi",
                                       "\x00\x06MDPW01\x01\x01\x07"
                                       "booking",
                                       "\x00\x06MDPW01\x01\x03\x05"
                                       "12345\x00\x02ok"};
    static const size_t length[] = {20, 20, 17, 20, 9, 9, 19, 18, 21};
    for (size_t i = 0; i < GH_COUNT(good); i++)
        fuzz_add(good[i], length[i]);
}
