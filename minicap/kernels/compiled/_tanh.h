/* The hyperbolic tangent and the logistic function of a vector.

       tanh(x) = e / (e + 2)  with  e = exp(2 |x|) - 1, and the sign of x put back
       sigmoid(x) = 1 / (1 + u) for x >= 0 and u / (1 + u) below  with  u = exp(-|x|)

   exp(y) - 1 is 2^n * m + (2^n - 1) with n the whole number nearest to y / ln 2 and m = exp(y - n ln 2) - 1,
   which keeps its digits near zero. m is a polynomial: for floats the one of degree 6 whose largest relative
   error on |r| <= ln(2) / 2 is smallest (1.4e-8), for doubles the Taylor series. Errors stay below 3 units in
   the last place, but sigmoids below the smallest normal number are 0 (tests/kernels/test_tanh.py). */

#ifndef MINICAP_TANH_H
#define MINICAP_TANH_H

#include "_math.h"

#if defined(__GNUC__) || defined(__clang__)

#define ABS_F32 ((vec_i32)vector_zero() + 0x7fffffff)
#define ABS_F64 ((vec_i64)vector_zero() + 0x7fffffffffffffff)

/* Return exp(y) - 1 over 2^n, and 2^n; y is at most 60 and at least -87.4. */
static inline vec expm1_f32(vec y, vec *power) {
    const vec magic = broadcast_f32(12582912.0f); /* 1.5 * 2^23: a sum with it is a whole number */
    vec shifted = y * 1.44269504f + magic, n = shifted - magic;
    vec r = y - n * 0.693359375f; /* few digits: n times it is exact */
    r = r - n * -2.12194440e-4f;  /* the rest of ln 2 */
    vec p = broadcast_f32(1.388251678e-3f);
    p = p * r + 8.366547110e-3f;
    p = p * r + 4.166720071e-2f;
    p = p * r + 1.666654342e-1f;
    p = p * r + 4.999999815e-1f;
    *power = (vec)(((vec_i32)shifted << 23) + (127 << 23)); /* the low bits of the sum with magic are n */
    return p * (r * r) + r;
}

/* The same for doubles; y is at most 60 and at least -708.4. */
static inline vec_f64 expm1_f64(vec_f64 y, vec_f64 *power) {
    const vec_f64 magic = (vec_f64)broadcast_f64(6755399441055744.0); /* 1.5 * 2^52 */
    vec_f64 shifted = y * 1.4426950408889634 + magic, n = shifted - magic;
    vec_f64 r = y - n * 0x1.62e42feep-1;
    r = r - n * 0x1.a39ef35793c76p-33;
    vec_f64 p = (vec_f64)broadcast_f64(1.0 / 6227020800);
    p = p * r + 1.0 / 479001600;
    p = p * r + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    *power = (vec_f64)(((vec_i64)shifted << 52) + (1023LL << 52));
    return p * (r * r) + r;
}

static inline vec tanh_f32(vec x) {
    const vec most = broadcast_f32(10.0f); /* tanh is 1 from 9.02 on; NaN is not above it and stays */
    vec size = (vec)((vec_i32)x & ABS_F32), power;
    size = vector_choose(above_f32(size, most), most, size);
    vec e = expm1_f32(size + size, &power);
    e = e * power + (power - 1.0f);
    return (vec)((vec_i32)(e / (e + 2.0f)) | ((vec_i32)x & ~ABS_F32));
}

static inline vec tanh_f64(vec given) {
    const vec most = broadcast_f64(20.0); /* from 19.07 on */
    vec size = (vec)((vec_i64)given & ABS_F64);
    size = vector_choose(above_f64(size, most), most, size);
    vec_f64 power, e = expm1_f64((vec_f64)size + (vec_f64)size, &power);
    e = e * power + (power - 1.0);
    return (vec)((vec_i64)(e / (e + 2.0)) | ((vec_i64)given & ~ABS_F64));
}

static inline vec sigmoid_f32(vec x) {
    const vec most = broadcast_f32(87.3365f), one = broadcast_f32(1.0f);
    vec size = (vec)((vec_i32)x & ABS_F32), power;
    vec far = above_f32(size, most);
    vec u = expm1_f32(-vector_choose(far, most, size), &power);
    u = vector_choose(far, vector_zero(), u * power + power);
    return vector_choose(above_f32(vector_zero(), x), u, one) / (one + u);
}

static inline vec sigmoid_f64(vec given) {
    const vec most = broadcast_f64(708.396), one = broadcast_f64(1.0);
    vec size = (vec)((vec_i64)given & ABS_F64);
    vec far = above_f64(size, most);
    vec_f64 power, u = expm1_f64(-(vec_f64)vector_choose(far, most, size), &power);
    u = (vec_f64)vector_choose(far, vector_zero(), (vec)(u * power + power));
    vec share = vector_choose(above_f64(vector_zero(), given), (vec)u, one);
    return (vec)((vec_f64)share / ((vec_f64)one + u));
}

#else

#define EACH(kind, count, value) \
    vec out; for (int i = 0; i < count; i++) out.kind[i] = value; return out;
static inline vec tanh_f32(vec x) { EACH(f32, 4, tanhf(x.f32[i])) }
static inline vec tanh_f64(vec x) { EACH(f64, 2, tanh(x.f64[i])) }
static inline vec sigmoid_f32(vec x) { EACH(f32, 4, 1.0f / (1.0f + expf(-x.f32[i]))) }
static inline vec sigmoid_f64(vec x) { EACH(f64, 2, 1.0 / (1.0 + exp(-x.f64[i]))) }
#undef EACH

#endif
#endif
