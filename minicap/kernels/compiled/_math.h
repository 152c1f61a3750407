/* What a vector of `_vector.h` needs beyond sums and products: exp, roots, quotients, the larger of two,
   and float32 widened to float64 for sums that must not lose digits.

   exp(x) = 2^n * exp(r) with n the whole number nearest to x / ln 2, so |r| <= ln(2) / 2. exp(r) is its Taylor
   series as far as the last term matters, and 2^n is written into the exponent's bits, in two halves, so that
   results below the smallest normal number and above the largest come out right as well. Errors stay below
   two units in the last place (tests/kernels/test_loss.py measures them); exp(NaN) is NaN. */

#ifndef MINICAP_MATH_H
#define MINICAP_MATH_H

#include <math.h>
#include <stdint.h>
#include "_vector.h"

#if defined(__GNUC__) || defined(__clang__)

typedef int32_t vec_i32 __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef int64_t vec_i64 __attribute__((vector_size(VECTOR_BYTES), may_alias));

static inline vec div_f32(vec a, vec b) { return a / b; }
static inline vec div_f64(vec a, vec b) { return (vec)((vec_f64)a / (vec_f64)b); }

/* Lane by lane a where the mask is all ones, b where it is zero. */
static inline vec vector_choose(vec mask, vec a, vec b) {
    return (vec)(((vec_i32)mask & (vec_i32)a) | (~(vec_i32)mask & (vec_i32)b));
}
static inline vec above_f32(vec a, vec b) { return (vec)(a > b); }
static inline vec above_f64(vec a, vec b) { return (vec)((vec_f64)a > (vec_f64)b); }

/* v where x is positive, else 0. */
static inline vec positive_f32(vec x, vec v) { return (vec)((vec_i32)(x > 0) & (vec_i32)v); }
static inline vec positive_f64(vec x, vec v) { return (vec)(((vec_f64)x > 0) & (vec_i64)v); }

#if defined(__AVX512F__)
#include <immintrin.h>
#define NATIVE(op) _mm512_##op
typedef __m512 native_f32;
typedef __m512d native_f64;
#elif defined(__AVX__)
#include <immintrin.h>
#define NATIVE(op) _mm256_##op
typedef __m256 native_f32;
typedef __m256d native_f64;
#elif defined(__SSE2__)
#include <immintrin.h>
#define NATIVE(op) _mm_##op
typedef __m128 native_f32;
typedef __m128d native_f64;
#endif

#ifdef NATIVE
static inline vec sqrt_f32(vec a) { return (vec)NATIVE(sqrt_ps)((native_f32)a); }
static inline vec sqrt_f64(vec a) { return (vec)NATIVE(sqrt_pd)((native_f64)a); }
/* The second where one of them is NaN. */
static inline vec max_f32(vec a, vec b) { return (vec)NATIVE(max_ps)((native_f32)a, (native_f32)b); }
static inline vec max_f64(vec a, vec b) { return (vec)NATIVE(max_pd)((native_f64)a, (native_f64)b); }
static inline vec min_f32(vec a, vec b) { return (vec)NATIVE(min_ps)((native_f32)a, (native_f32)b); }
static inline vec min_f64(vec a, vec b) { return (vec)NATIVE(min_pd)((native_f64)a, (native_f64)b); }
/* Past the caches, which a result larger than they are would only flush; p is a multiple of VECTOR_BYTES. */
static inline void store_past(void *p, vec v) { NATIVE(stream_ps)((float *)p, (native_f32)v); }
static inline void store_past_end(void) { _mm_sfence(); }
#else
static inline void store_past(void *p, vec v) { vector_store(p, v); }
static inline void store_past_end(void) {}
static inline vec sqrt_f32(vec a) {
    for (int i = 0; i < VECTOR_BYTES / 4; i++) a[i] = sqrtf(a[i]);
    return a;
}
static inline vec sqrt_f64(vec a) {
    vec_f64 v = (vec_f64)a;
    for (int i = 0; i < VECTOR_BYTES / 8; i++) v[i] = sqrt(v[i]);
    return (vec)v;
}
static inline vec max_f32(vec a, vec b) { return vector_choose(above_f32(a, b), a, b); }
static inline vec max_f64(vec a, vec b) { return vector_choose(above_f64(a, b), a, b); }
static inline vec min_f32(vec a, vec b) { return vector_choose(above_f32(b, a), a, b); }
static inline vec min_f64(vec a, vec b) { return vector_choose(above_f64(b, a), a, b); }
#endif

/* Asks for what will be needed soon; any address will do. */
static inline void vector_prefetch(const void *p) { __builtin_prefetch(p, 0, 3); }

/* The float64 of one half of a vector's floats. */
#if defined(__AVX512F__)
static inline vec widen_low(vec v) { return (vec)_mm512_cvtps_pd(_mm512_castps512_ps256((__m512)v)); }
static inline vec widen_high(vec v) {
    return (vec)_mm512_cvtps_pd(_mm256_castpd_ps(_mm512_extractf64x4_pd((__m512d)v, 1)));
}
#elif defined(__AVX__)
static inline vec widen_low(vec v) { return (vec)_mm256_cvtps_pd(_mm256_castps256_ps128((__m256)v)); }
static inline vec widen_high(vec v) { return (vec)_mm256_cvtps_pd(_mm256_extractf128_ps((__m256)v, 1)); }
#elif defined(__SSE2__)
static inline vec widen_low(vec v) { return (vec)_mm_cvtps_pd((__m128)v); }
static inline vec widen_high(vec v) { return (vec)_mm_cvtps_pd(_mm_movehl_ps((__m128)v, (__m128)v)); }
#else
static inline vec widen_low(vec v) { return (vec)(vec_f64){v[0], v[1]}; }
static inline vec widen_high(vec v) { return (vec)(vec_f64){v[2], v[3]}; }
#endif

/* p * 2^n, with n given as a number and as an integer. */
#if defined(__AVX512F__)
static inline vec times_power_f32(vec p, vec n, vec_i32 whole) {
    return (vec)_mm512_scalef_ps((__m512)p, (__m512)n);
}
static inline vec times_power_f64(vec_f64 p, vec_f64 n, vec_i64 whole) {
    return (vec)_mm512_scalef_pd((__m512d)p, (__m512d)n);
}
#else
static inline vec times_power_f32(vec p, vec n, vec_i32 whole) {
    vec_i32 half = whole >> 1;
    return p * (vec)((half + 127) << 23) * (vec)((whole - half + 127) << 23);
}
static inline vec times_power_f64(vec_f64 p, vec_f64 n, vec_i64 whole) {
    vec_i64 half = whole >> 1;
    return (vec)(p * (vec_f64)((half + 1023) << 52) * (vec_f64)((whole - half + 1023) << 52));
}
#endif

static inline vec exp_f32(vec x) {
    const vec least = broadcast_f32(-104.0f), most = broadcast_f32(89.0f);  /* below: 0, above: inf */
    const vec magic = broadcast_f32(12582912.0f);  /* 1.5 * 2^23: what is added to it is rounded to whole numbers */
    x = min_f32(most, max_f32(least, x));
    vec shifted = x * 1.44269504f + magic;
    vec n = shifted - magic;
    vec r = x - n * 0.693359375f;  /* few digits: n times it is exact */
    r = r - n * -2.12194440e-4f;   /* the rest of ln 2 */
    vec p = broadcast_f32(1.0f / 5040);
    p = p * r + 1.0f / 720;
    p = p * r + 1.0f / 120;
    p = p * r + 1.0f / 24;
    p = p * r + 1.0f / 6;
    p = p * r + 0.5f;
    p = p * (r * r) + r + 1.0f;
    return times_power_f32(p, n, (vec_i32)shifted - (vec_i32)magic);
}

static inline vec exp_f64(vec given) {
    const vec_f64 magic = (vec_f64)broadcast_f64(6755399441055744.0);  /* 1.5 * 2^52 */
    const vec least = broadcast_f64(-746.0), most = broadcast_f64(710.0);
    vec_f64 x = (vec_f64)min_f64(most, max_f64(least, given));
    vec_f64 shifted = x * 1.4426950408889634 + magic;
    vec_f64 n = shifted - magic;
    vec_f64 r = x - n * 0x1.62e42feep-1;
    r = r - n * 0x1.a39ef35793c76p-33;
    vec_f64 p = (vec_f64)broadcast_f64(1.0 / 6227020800.0);
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
    p = p * (r * r) + r + 1.0;
    return times_power_f64(p, n, (vec_i64)shifted - (vec_i64)magic);
}

#else

#define EACH(kind, count, value) \
    vec out; for (int i = 0; i < count; i++) out.kind[i] = value; return out;
static inline vec div_f32(vec a, vec b) { EACH(f32, 4, a.f32[i] / b.f32[i]) }
static inline vec div_f64(vec a, vec b) { EACH(f64, 2, a.f64[i] / b.f64[i]) }
static inline vec sqrt_f32(vec a) { EACH(f32, 4, sqrtf(a.f32[i])) }
static inline vec sqrt_f64(vec a) { EACH(f64, 2, sqrt(a.f64[i])) }
static inline vec max_f32(vec a, vec b) { EACH(f32, 4, a.f32[i] > b.f32[i] ? a.f32[i] : b.f32[i]) }
static inline vec max_f64(vec a, vec b) { EACH(f64, 2, a.f64[i] > b.f64[i] ? a.f64[i] : b.f64[i]) }
static inline vec positive_f32(vec x, vec v) { EACH(f32, 4, x.f32[i] > 0 ? v.f32[i] : 0) }
static inline vec positive_f64(vec x, vec v) { EACH(f64, 2, x.f64[i] > 0 ? v.f64[i] : 0) }
static inline vec exp_f32(vec a) { EACH(f32, 4, expf(a.f32[i])) }
static inline vec exp_f64(vec a) { EACH(f64, 2, exp(a.f64[i])) }
static inline vec widen_low(vec a) { EACH(f64, 2, a.f32[i]) }
static inline vec widen_high(vec a) { EACH(f64, 2, a.f32[i + 2]) }
#undef EACH
static inline void store_past(void *p, vec v) { vector_store(p, v); }
static inline void store_past_end(void) {}
static inline void vector_prefetch(const void *p) {}

#endif
#endif
