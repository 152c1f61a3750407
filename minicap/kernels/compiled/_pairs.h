/* Maxima over 2x2 pixels side by side, one vector of windows at a time.

   A window sees pixels 2q and 2q + 1 of an upper and of a lower row: the even and the odd lanes of two
   vectors. Comparisons give masks, all ones where true, which choose among values and places alike. */

#ifndef MINICAP_PAIRS_H
#define MINICAP_PAIRS_H

#include "_math.h"

#if defined(__GNUC__) || defined(__clang__)

#define PAIRS_KNOWN 1

#if VECTOR_BYTES == 64
#define EVEN_F32 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODD_F32 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#define EVEN_F64 0, 2, 4, 6, 8, 10, 12, 14
#define ODD_F64 1, 3, 5, 7, 9, 11, 13, 15
#elif VECTOR_BYTES == 32
#define EVEN_F32 0, 2, 4, 6, 8, 10, 12, 14
#define ODD_F32 1, 3, 5, 7, 9, 11, 13, 15
#define EVEN_F64 0, 2, 4, 6
#define ODD_F64 1, 3, 5, 7
#else
#define EVEN_F32 0, 2, 4, 6
#define ODD_F32 1, 3, 5, 7
#define EVEN_F64 0, 2
#define ODD_F64 1, 3
#endif

typedef int32_t small_f32 __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));
typedef int32_t small_f64 __attribute__((vector_size(VECTOR_BYTES / 2), aligned(4), may_alias));

/* In one vector the even lanes of two, in another the odd ones. */
static inline void unzip_f32(const float *p, vec *even, vec *odd) {
    vec a = vector_load(p), b = vector_load(p + VECTOR_BYTES / 4);
    *even = SHUFFLE_F32(a, b, EVEN_F32), *odd = SHUFFLE_F32(a, b, ODD_F32);
}
static inline void unzip_f64(const double *p, vec *even, vec *odd) {
    vec_f64 a = (vec_f64)vector_load(p), b = (vec_f64)vector_load(p + VECTOR_BYTES / 8);
    *even = (vec)SHUFFLE_F64(a, b, EVEN_F64), *odd = (vec)SHUFFLE_F64(a, b, ODD_F64);
}

/* All ones where a value wins: it is not at most the best, and the best is a number. So the first of equals
   stays, and the first NaN. */
static inline vec_i32 wins_f32(vec value, vec best) { return ~(value <= best) & (best == best); }
static inline vec_i64 wins_f64(vec value, vec best) {
    vec_f64 v = (vec_f64)value, b = (vec_f64)best;
    return ~(v <= b) & (b == b);
}

/* Fill one vector of y and winner; `start` is the place of the first window's first pixel. */
static inline void max_pairs_f32(const float *upper, const float *lower, float *y, int *winner, int start, int width) {
    vec best, b, c, d;
    vec_i32 mask, first = {0}, place;
    for (int k = 0; k < VECTOR_BYTES / 4; k++) first[k] = start + 2 * k;
    unzip_f32(upper, &best, &b), unzip_f32(lower, &c, &d);
    mask = wins_f32(b, best), best = vector_choose((vec)mask, b, best);
    place = first - mask;  /* a mask's ones are -1 */
    mask = wins_f32(c, best), best = vector_choose((vec)mask, c, best);
    place = (mask & (first + width)) | (~mask & place);
    mask = wins_f32(d, best), best = vector_choose((vec)mask, d, best);
    place = (mask & (first + width + 1)) | (~mask & place);
    vector_store(y, best), *(small_f32 *)winner = place;
}
static inline void max_pairs_f64(const double *upper, const double *lower, double *y, int *winner, int start, int width) {
    vec best, b, c, d;
    vec_i64 mask, first = {0}, place;
    for (int k = 0; k < VECTOR_BYTES / 8; k++) first[k] = start + 2 * k;
    unzip_f64(upper, &best, &b), unzip_f64(lower, &c, &d);
    mask = wins_f64(b, best), best = vector_choose((vec)mask, b, best);
    place = first - mask;
    mask = wins_f64(c, best), best = vector_choose((vec)mask, c, best);
    place = (mask & (first + width)) | (~mask & place);
    mask = wins_f64(d, best), best = vector_choose((vec)mask, d, best);
    place = (mask & (first + width + 1)) | (~mask & place);
    vector_store(y, best), *(small_f64 *)winner = __builtin_convertvector(place, small_f64);
}
/* Fill one vector with sums in row order, divided by their areas. */
static inline void mean_pairs_f32(const float *upper, const float *lower, const float *area, float *y) {
    vec a, b, c, d;
    unzip_f32(upper, &a, &b), unzip_f32(lower, &c, &d);
    vector_store(y, (((a + b) + c) + d) / vector_load(area));
}
static inline void mean_pairs_f64(const double *upper, const double *lower, const double *area, double *y) {
    vec a, b, c, d;
    unzip_f64(upper, &a, &b), unzip_f64(lower, &c, &d);
    vec_f64 sum = (((vec_f64)a + (vec_f64)b) + (vec_f64)c) + (vec_f64)d;
    vector_store(y, (vec)(sum / (vec_f64)vector_load(area)));
}

#else

#define PAIRS_KNOWN 0
static inline void max_pairs_f32(const float *u, const float *l, float *y, int *winner, int start, int width) {}
static inline void max_pairs_f64(const double *u, const double *l, double *y, int *winner, int start, int width) {}
static inline void mean_pairs_f32(const float *u, const float *l, const float *area, float *y) {}
static inline void mean_pairs_f64(const double *u, const double *l, const double *area, double *y) {}

#endif
#endif
