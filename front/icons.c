/*
 * front/icons.c - pictures of the clients' screens (api/11 section 11.2): plain art of our own under the names they ask for
 *
 * Drawn once, before the fork. A path is looked up in the table below, nowhere else.
 */
#include <kore/kore.h>
#include <kore/http.h>

#include "base/hash.h"
#include "base/log.h"
#include "front/front.h"
#include "front/png.h"

#define TEAL   0x1f8a8c
#define MINT   0xbfe3df
#define PAPER  0xf7fafa
#define INK    0x29474d
#define CORAL  0xe2725b
#define SAND   0xf2d7a6
#define SKY    0xd6e9f5
#define STEEL  0x8fa3ad
#define INDIGO 0x4a5fa5
#define MOSS   0x5f9a57

#define BOX(x, y, w, h, corner, colour)                                                                      \
    {                                                                                                        \
        x, y, w, h, corner, colour                                                                           \
    }
#define DISC(x, y, r, colour)         BOX(x, y, r, r, r, colour)
#define CROSS(x, y, r, width, colour) BOX(x, y, r, width, 2, colour), BOX(x, y, width, r, 2, colour)
#define WINDOWS(x, y, colour)                                                                                \
    BOX(x, y, 5, 5, 1, colour), BOX((x) + 18, y, 5, 5, 1, colour), BOX((x) + 36, y, 5, 5, 1, colour)
#define HOUSE(wall, roof, mark)                                                                              \
    {                                                                                                        \
        BOX(75, 92, 75, 8, 0, MINT), BOX(75, 58, 44, 32, 3, wall), BOX(75, 24, 50, 5, 3, roof),              \
            CROSS(75, 38, 8, 3, mark), WINDOWS(57, 57, SKY), WINDOWS(57, 73, SKY), BOX(75, 84, 8, 8, 1, INK) \
    }

/* clang-format off */
#define LOGO {DISC(50, 50, 46, TEAL), DISC(50, 50, 40, PAPER), CROSS(50, 50, 26, 9, TEAL), DISC(72, 72, 10, CORAL)}
#define LOGO_SQUARE {BOX(50, 50, 46, 46, 18, INDIGO), CROSS(50, 50, 28, 9, PAPER), DISC(50, 50, 6, CORAL)}

static const struct {
    const char *name;
    front_picture_t picture;
} s_icons[] = {
    {"logo.png", {160, 160, FRONT_CLEAR, LOGO}},
    {"hospital-1.png", {300, 200, SKY, HOUSE(PAPER, TEAL, CORAL)}},
    {"hospital-default.png", {300, 200, PAPER, HOUSE(STEEL, INK, PAPER)}},
    /* a calendar, a stethoscope's line, a clock */
    {"home-picture/1.png", {375, 180, MINT, {
        DISC(180, 20, 60, SKY), BOX(60, 52, 34, 34, 6, PAPER), BOX(60, 26, 34, 8, 6, TEAL), DISC(42, 18, 4, INK), DISC(78, 18, 4, INK),
        WINDOWS(42, 48, MINT), WINDOWS(42, 66, MINT), BOX(60, 66, 5, 5, 1, CORAL), CROSS(150, 55, 26, 9, PAPER)}}},
    {"home-picture/2.png", {375, 180, SKY, {
        DISC(30, 90, 50, MINT), DISC(150, 60, 24, TEAL), DISC(150, 60, 18, SKY), BOX(110, 40, 40, 3, 3, TEAL), BOX(72, 56, 3, 19, 3, TEAL),
        DISC(72, 76, 9, INK), DISC(72, 76, 4, PAPER), CROSS(150, 60, 11, 4, CORAL)}}},
    {"home-picture/3.png", {375, 180, SAND, {
        DISC(185, 85, 45, PAPER), DISC(70, 50, 36, INK), DISC(70, 50, 31, PAPER), BOX(70, 39, 2, 13, 2, INK), BOX(80, 50, 12, 2, 2, INK),
        DISC(70, 50, 4, CORAL), CROSS(185, 70, 15, 5, CORAL)}}},
    /* a card, a telephone, a coin, a counter: ways of paying, nobody's mark */
    {"payment-icon/alipay.png", {96, 96, FRONT_CLEAR, {
        BOX(50, 50, 46, 46, 16, INDIGO), BOX(50, 52, 32, 22, 5, PAPER), BOX(50, 44, 32, 4, 0, STEEL), BOX(34, 62, 10, 3, 2, CORAL)}}},
    {"payment-icon/wechat-payment.png", {96, 96, FRONT_CLEAR, {
        BOX(50, 50, 46, 46, 16, MOSS), BOX(50, 50, 18, 30, 6, PAPER), BOX(50, 46, 13, 20, 2, MOSS), DISC(50, 73, 3, MOSS)}}},
    {"payment-icon/wechat.png", {96, 96, FRONT_CLEAR, {
        BOX(50, 50, 46, 46, 16, MOSS), BOX(50, 46, 30, 20, 12, PAPER), DISC(40, 46, 4, MOSS), DISC(60, 46, 4, MOSS), DISC(34, 70, 5, PAPER)}}},
    {"payment-icon/bankpay.png", {96, 96, FRONT_CLEAR, {
        BOX(50, 50, 46, 46, 16, CORAL), BOX(50, 30, 30, 5, 2, PAPER), BOX(30, 52, 4, 14, 1, PAPER), BOX(50, 52, 4, 14, 1, PAPER),
        BOX(70, 52, 4, 14, 1, PAPER), BOX(50, 73, 32, 5, 2, PAPER)}}},
    {"BJTU-images/BJTU-logo.png", {160, 160, FRONT_CLEAR, LOGO_SQUARE}},
    {"BJTU-images/hospital_logo.png", {160, 160, FRONT_CLEAR, LOGO}},
};
/* clang-format on */

static struct {
    gh_buf_t png;
    char lines[192];
} s_drawn[GH_COUNT(s_icons)];

int
front_icons_draw(void)
{
    for (size_t i = 0; i < GH_COUNT(s_icons); i++) {
        uint8_t digest[32];
        char hex[65];
        gh_buf_t *png = &s_drawn[i].png;
        if (front_png_draw(&s_icons[i].picture, png) || gh_sha256(png->p, png->n, digest)) {
            gh_log(GH_LOG_ERROR, "icons_failed", GH_KS("icon", s_icons[i].name));
            return -1;
        }
        gh_hex(digest, 16, hex);
        snprintf(s_drawn[i].lines, sizeof s_drawn[i].lines,
                 "cache-control: public, max-age=86400\r\netag: \"%s\"\r\n"
                 "cross-origin-resource-policy: cross-origin\r\n",
                 hex);
    }
    return 0;
}

void
front_icons_free(void)
{
    for (size_t i = 0; i < GH_COUNT(s_icons); i++)
        gh_buf_fini(&s_drawn[i].png);
}

/* Without leading slashes; false when it climbs or is no path (BR-30). */
static bool
is_safe(gh_str_t *path)
{
    while (path->n && path->p[0] == '/')
        *path = (gh_str_t){path->p + 1, path->n - 1};
    for (size_t i = 0; i < path->n; i++) {
        bool starts = i == 0 || path->p[i - 1] == '/';
        bool climbs = starts && path->n - i >= 2 && memcmp(path->p + i, "..", 2) == 0 &&
                      (path->n - i == 2 || path->p[i + 2] == '/');
        if (climbs || path->p[i] == '\\' || (unsigned char)path->p[i] < ' ')
            return false;
    }
    return path->n > 0;
}

/* The tag of an icon is among those that the client has. */
static bool
is_known(const front_ask_t *ask, const char *lines)
{
    const char *tag = strchr(lines, '"');
    return ask->if_none_match.n && memmem(ask->if_none_match.p, ask->if_none_match.n, tag, 34);
}

static void
serve(const front_ask_t *ask, gh_str_t path)
{
    if (!is_safe(&path)) {
        front_answer_error(ask, GH_E_PATH_UNSAFE, NULL, NULL);
        return;
    }
    for (size_t i = 0; i < GH_COUNT(s_icons); i++)
        if (gh_str_is(path, s_icons[i].name)) {
            bool known = is_known(ask, s_drawn[i].lines);
            front_answer(ask, known ? 304 : 200, known ? "" : "image/png", gh_str(s_drawn[i].lines),
                         known ? (gh_str_t){0} : gh_buf_view(&s_drawn[i].png));
            return;
        }
    front_answer_error(ask, GH_E_ICON_NOT_FOUND, (const gh_error_arg_t[]){{"path", path}, {0}}, NULL);
}

bool
front_icons_serve(const front_ask_t *ask)
{
    if (strcmp(ask->op->id, "front.get_icon") != 0)
        return false;
    static gh_faults_t faults;
    gh_buf_t args GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    gh_request_in_t request = {.op = ask->op, .query = gh_str(ask->req->query_string)};
    gh_str_t path = {0};
    gh_err_t err = gh_request_check(&request, &args, &faults);
    gh_mp_t root = {(const uint8_t *)args.p, (const uint8_t *)args.p + args.n};
    if (err != GH_E_NONE)
        front_answer_error(ask, err, NULL, &faults);
    else if (gh_mp_str(gh_mp_path(root, "query.path"), &path))
        serve(ask, path);
    else
        front_answer_error(ask, GH_E_INTERNAL, NULL, NULL);
    return true;
}
