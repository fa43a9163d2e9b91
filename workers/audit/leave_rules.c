/*
 * workers/audit/leave_rules.c - see leave_rules.h
 */
#include "workers/audit/leave_rules.h"

static const struct {
    const char *stored, *v1;
} words[] = {[GH_SHIFT_MORNING] = {"morning", "MORNING"},
             [GH_SHIFT_AFTERNOON] = {"afternoon", "AFTERNOON"},
             [GH_SHIFT_NIGHT] = {"night", "EVENING"},
             [GH_SHIFT_FULL] = {"full", "FULL"}};

int
gh_shift_parse(gh_str_t word, gh_shift_t *shift)
{
    for (size_t i = 0; i < GH_COUNT(words); i++)
        if (gh_str_is(word, words[i].stored) || gh_str_is(word, words[i].v1)) {
            *shift = (gh_shift_t)i;
            return 0;
        }
    return -1;
}

const char *
gh_shift_name(gh_shift_t shift)
{
    return words[shift].stored;
}

gh_err_t
gh_br60_in_time(const gh_leave_t *leave, int32_t today, int64_t begins_us, int64_t now_us)
{
    if (leave->shift == GH_SHIFT_FULL)
        return leave->from > today ? GH_E_NONE : GH_E_LEAVE_FULL_DAY_TOO_LATE;
    if (leave->from < today)
        return GH_E_LEAVE_DATE_PAST;
    return leave->from > today || now_us < begins_us ? GH_E_NONE : GH_E_LEAVE_SECTION_STARTED;
}

bool
gh_br57_closes(const gh_leave_t *leave, const gh_leave_session_t *s, int64_t now_us)
{
    bool covered = leave->shift == GH_SHIFT_FULL || (int)leave->shift == s->part;
    return covered && s->open && s->ends_us > now_us && s->day >= leave->from && s->day <= leave->to;
}
