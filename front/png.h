/*
 * front/png.h - small pictures, drawn and written as PNG (RFC 2083)
 *
 * A picture is a list of shapes laid over each other, with smooth edges. Pure.
 */
#ifndef GH_FRONT_PNG_H
#define GH_FRONT_PNG_H

#include "base/buf.h"

/* A box with round corners; a disc is one whose corner is its half width. Lengths are hundredths of the picture's height, from
 * its upper left corner. */
typedef struct front_shape {
    int x, y; /* middle */
    int half_w, half_h;
    int corner;
    uint32_t colour; /* 0xRRGGBB; half_w 0 ends a list */
} front_shape_t;

typedef struct front_picture {
    int width, height; /* pixels, 1..2048 */
    uint32_t ground;   /* colour behind the shapes, or FRONT_CLEAR */
    front_shape_t shapes[24];
} front_picture_t;

#define FRONT_CLEAR 0xff000000u /* nothing: see-through */

/* Append the file. -1 when memory ran out. */
int front_png_draw(const front_picture_t *p, gh_buf_t *out) GH_MUSTCHECK;

#endif
