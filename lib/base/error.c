/*
 * lib/base/error.c - look-ups in the error table and filling in of its texts
 */
#include "base/error_rows.h"

#include "base/buf.h"

const gh_error_row_t *
gh_error_row(gh_err_t err)
{
    bool known = err > GH_E_NONE && err < GH_E_COUNT;
    return &gh_error_rows[known ? err : GH_E_INTERNAL];
}

gh_err_t
gh_error_find(gh_str_t name)
{
    size_t lo = 0, hi = gh_error_names_count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        gh_str_t have = gh_str(gh_error_names[mid].name);
        size_t n = have.n < name.n ? have.n : name.n;
        int c = n ? memcmp(have.p, name.p, n) : 0;
        if (c == 0 && have.n == name.n)
            return gh_error_names[mid].err;
        if (c < 0 || (c == 0 && have.n < name.n))
            lo = mid + 1;
        else
            hi = mid;
    }
    return GH_E_NONE;
}

const char *
gh_error_label(uint16_t code)
{
    static const char *const labels[] = {
        "未知错误", "HTTP异常",     "请求参数错误",     "注册失败", "登录失败",
        "权限不足", "用户获取失败", "用户信息更新失败", "认证失败", "资源错误",
    };
    if (code >= 97 && code < 97 + GH_COUNT(labels))
        return labels[code - 97];
    return code >= 1001 && code <= 1008 ? "业务规则错误" : labels[0];
}

static const gh_error_arg_t *
find_arg(const gh_error_arg_t *args, gh_str_t name)
{
    for (; args && args->name; args++)
        if (gh_str_is(name, args->name))
            return args;
    return NULL;
}

void
gh_error_text(struct gh_buf *out, const char *tmpl, const gh_error_arg_t *args)
{
    while (*tmpl) {
        size_t n = strcspn(tmpl, "{");
        gh_buf_put(out, tmpl, n);
        tmpl += n;
        const char *end = *tmpl ? strchr(tmpl, '}') : NULL;
        if (!end) { /* a lone brace is text */
            gh_buf_puts(out, tmpl);
            return;
        }
        const gh_error_arg_t *arg = find_arg(args, (gh_str_t){tmpl + 1, (size_t)(end - tmpl) - 1});
        if (arg)
            gh_buf_str(out, arg->value);
        tmpl = end + 1;
    }
}
