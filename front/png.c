/*
 * front/png.c - see png.h
 */
#include "front/png.h"

#include <math.h>
#include <stdlib.h>
#include <zlib.h>

#define CHANNELS 4 /* red, green, blue, opacity */

/* How far a point lies outside a shape, in pixels; negative inside. unit: pixels of a hundredth. */
static double
distance(const front_shape_t *s, double unit, double x, double y)
{
    double corner = s->corner * unit;
    double dx = fabs(x - s->x * unit) - (s->half_w * unit - corner);
    double dy = fabs(y - s->y * unit) - (s->half_h * unit - corner);
    if (dx <= 0 || dy <= 0 || dx - corner > 1 || dy - corner > 1)
        return fmax(dx, dy) - corner; /* beside an edge, or far away: no root is needed */
    double outside = hypot(fmax(dx, 0), fmax(dy, 0));
    return outside + fmin(fmax(dx, dy), 0) - corner;
}

/* Lay a colour over a pixel; part: 0 none of it, 1 all. */
static void
blend(double pixel[CHANNELS], uint32_t colour, double part)
{
    double under = pixel[3] * (1 - part), all = part + under;
    for (int c = 0; c < 3; c++) {
        double over = (colour >> (16 - 8 * c)) & 0xff;
        pixel[c] = all > 0 ? (over * part + pixel[c] * under) / all : 0;
    }
    pixel[3] = all;
}

static void
draw_pixel(const front_picture_t *p, int column, int row, uint8_t out[CHANNELS])
{
    double pixel[CHANNELS] = {0}, unit = p->height / 100.0;
    if (p->ground != FRONT_CLEAR)
        blend(pixel, p->ground, 1);
    for (const front_shape_t *s = p->shapes; s < p->shapes + GH_COUNT(p->shapes) && s->half_w; s++) {
        double d = distance(s, unit, column + 0.5, row + 0.5);
        if (d < 0.5)
            blend(pixel, s->colour, fmin(0.5 - d, 1));
    }
    for (int c = 0; c < 3; c++)
        out[c] = (uint8_t)lround(pixel[c]);
    out[3] = (uint8_t)lround(pixel[3] * 255);
}

static void
put_u32(gh_buf_t *out, uint32_t v)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        gh_buf_putc(out, (char)(v >> shift));
}

static void
put_chunk(gh_buf_t *out, const char kind[4], const void *data, size_t n)
{
    put_u32(out, (uint32_t)n);
    size_t start = out->n;
    gh_buf_put(out, kind, 4);
    gh_buf_put(out, data, n);
    if (gh_buf_ok(out))
        put_u32(out, (uint32_t)crc32(0, (const Bytef *)out->p + start, (uInt)(out->n - start)));
}

/* Each line is led by the number of its filter: 2, the difference to the line above, packs flat areas best. */
static void
draw_lines(const front_picture_t *p, uint8_t *lines)
{
    size_t line_n = 1 + (size_t)p->width * CHANNELS;
    for (int row = 0; row < p->height; row++) {
        uint8_t *line = lines + (size_t)row * line_n;
        line[0] = 2;
        for (int column = 0; column < p->width; column++)
            draw_pixel(p, column, row, line + 1 + (size_t)column * CHANNELS);
    }
    for (int row = p->height - 1; row > 0; row--)
        for (size_t i = 1; i < line_n; i++)
            lines[(size_t)row * line_n + i] = (uint8_t)(lines[(size_t)row * line_n + i] -
                                                        lines[(size_t)(row - 1) * line_n + i]);
}

int
front_png_draw(const front_picture_t *p, gh_buf_t *out)
{
    size_t n = (size_t)p->height * (1 + (size_t)p->width * CHANNELS);
    uLongf packed_n = compressBound(n);
    uint8_t *lines GH_CLEANUP(gh_freep) = malloc(n), *packed GH_CLEANUP(gh_freep) = malloc(packed_n);
    if (!lines || !packed)
        return -1;
    draw_lines(p, lines);
    if (compress2(packed, &packed_n, lines, n, Z_DEFAULT_COMPRESSION) != Z_OK)
        return -1;
    gh_buf_t head GH_CLEANUP(gh_buf_fini) = GH_BUF_INIT;
    put_u32(&head, (uint32_t)p->width);
    put_u32(&head, (uint32_t)p->height);
    gh_buf_put(&head, "\x08\x06\0\0", 5); /* 8 bits a channel, with opacity, not interlaced */
    gh_buf_puts(out, "\x89PNG\r\n\x1a\n");
    put_chunk(out, "IHDR", head.p, head.n);
    put_chunk(out, "IDAT", packed, packed_n);
    put_chunk(out, "IEND", "", 0);
    return gh_buf_ok(&head) && gh_buf_ok(out) ? 0 : -1;
}
