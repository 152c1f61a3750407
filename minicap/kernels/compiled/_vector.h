/* A vector is as wide as a register of the instruction set that this build is for.

   One type holds floats or doubles; loads and stores need not know which, arithmetic says it in its
   name. GCC and Clang know vector types; any other compiler gets arrays of 16 bytes and loops. */

#ifndef MINICAP_VECTOR_H
#define MINICAP_VECTOR_H

#include <string.h>

/* In place of Cython's CYTHON_INLINE, see setup.py: a tile keeps its sums in registers only where its sizes
   are constants. */
#if defined(__GNUC__) || defined(__clang__)
#define MINICAP_INLINE inline __attribute__((always_inline))
#else
#define MINICAP_INLINE __inline
#endif

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

/* Tiles of the convolution, see conv_tiles.pxi: taps and rows that registers allow beside three or two vectors. */
#if VECTOR_BYTES == 64
#define TILE_TAPS 9
#define TILE_ROWS 8
#else
#define TILE_TAPS 4
#define TILE_ROWS 4
#endif

#if defined(__GNUC__) || defined(__clang__)

typedef float vec __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef double vec_f64 __attribute__((vector_size(VECTOR_BYTES), may_alias));
typedef float unaligned_vec __attribute__((vector_size(VECTOR_BYTES), aligned(4), may_alias));

static inline vec vector_load(const void *p) { return *(const unaligned_vec *)p; }
static inline void vector_store(void *p, vec v) { *(unaligned_vec *)p = v; }
static inline vec vector_zero(void) { vec v = {0}; return v; }

static inline vec broadcast_f32(float s) { return s - vector_zero(); }
static inline vec broadcast_f64(double s) { return (vec)(s - (vec_f64)vector_zero()); }
static inline vec add_f32(vec a, vec b) { return a + b; }
static inline vec add_f64(vec a, vec b) { return (vec)((vec_f64)a + (vec_f64)b); }
static inline vec sub_f32(vec a, vec b) { return a - b; }
static inline vec sub_f64(vec a, vec b) { return (vec)((vec_f64)a - (vec_f64)b); }
static inline vec mul_f32(vec a, vec b) { return a * b; }
static inline vec mul_f64(vec a, vec b) { return (vec)((vec_f64)a * (vec_f64)b); }
/* The compiler fuses the two where the instruction set can (-ffp-contract=fast is GCC's default). */
static inline vec madd_f32(vec sum, vec a, vec b) { return sum + a * b; }
static inline vec madd_f64(vec sum, vec a, vec b) {
    return (vec)((vec_f64)sum + (vec_f64)a * (vec_f64)b);
}

/* Two vectors zipped: a0 b0 a1 b1 ... from their lower or upper halves. */
#if VECTOR_BYTES == 64
#define LOW_F32 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_F32 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define LOW_F64 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_F64 4, 12, 5, 13, 6, 14, 7, 15
#elif VECTOR_BYTES == 32
#define LOW_F32 0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_F32 4, 12, 5, 13, 6, 14, 7, 15
#define LOW_F64 0, 4, 1, 5
#define HIGH_F64 2, 6, 3, 7
#else
#define LOW_F32 0, 4, 1, 5
#define HIGH_F32 2, 6, 3, 7
#define LOW_F64 0, 2
#define HIGH_F64 1, 3
#endif
#if defined(__clang__)
#define SHUFFLE_F32(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#define SHUFFLE_F64(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef int places_f32 __attribute__((vector_size(VECTOR_BYTES)));
typedef long long places_f64 __attribute__((vector_size(VECTOR_BYTES)));
#define SHUFFLE_F32(a, b, ...) __builtin_shuffle(a, b, (places_f32){__VA_ARGS__})
#define SHUFFLE_F64(a, b, ...) __builtin_shuffle(a, b, (places_f64){__VA_ARGS__})
#endif
static inline vec zip_low_f32(vec a, vec b) { return SHUFFLE_F32(a, b, LOW_F32); }
static inline vec zip_high_f32(vec a, vec b) { return SHUFFLE_F32(a, b, HIGH_F32); }
static inline vec zip_low_f64(vec a, vec b) { return (vec)SHUFFLE_F64((vec_f64)a, (vec_f64)b, LOW_F64); }
static inline vec zip_high_f64(vec a, vec b) { return (vec)SHUFFLE_F64((vec_f64)a, (vec_f64)b, HIGH_F64); }

#else

typedef union { float f32[4]; double f64[2]; } vec;

static inline vec vector_load(const void *p) { vec v; memcpy(&v, p, sizeof v); return v; }
static inline void vector_store(void *p, vec v) { memcpy(p, &v, sizeof v); }
static inline vec vector_zero(void) { vec v; memset(&v, 0, sizeof v); return v; }
#define EACH(kind, count, value) \
    vec out; for (int i = 0; i < count; i++) out.kind[i] = value; return out;
static inline vec broadcast_f32(float s) { EACH(f32, 4, s) }
static inline vec broadcast_f64(double s) { EACH(f64, 2, s) }
static inline vec add_f32(vec a, vec b) { EACH(f32, 4, a.f32[i] + b.f32[i]) }
static inline vec add_f64(vec a, vec b) { EACH(f64, 2, a.f64[i] + b.f64[i]) }
static inline vec sub_f32(vec a, vec b) { EACH(f32, 4, a.f32[i] - b.f32[i]) }
static inline vec sub_f64(vec a, vec b) { EACH(f64, 2, a.f64[i] - b.f64[i]) }
static inline vec mul_f32(vec a, vec b) { EACH(f32, 4, a.f32[i] * b.f32[i]) }
static inline vec mul_f64(vec a, vec b) { EACH(f64, 2, a.f64[i] * b.f64[i]) }
static inline vec madd_f32(vec sum, vec a, vec b) { EACH(f32, 4, sum.f32[i] + a.f32[i] * b.f32[i]) }
static inline vec madd_f64(vec sum, vec a, vec b) { EACH(f64, 2, sum.f64[i] + a.f64[i] * b.f64[i]) }
static inline vec zip_low_f32(vec a, vec b) { EACH(f32, 4, i % 2 ? b.f32[i / 2] : a.f32[i / 2]) }
static inline vec zip_high_f32(vec a, vec b) { EACH(f32, 4, i % 2 ? b.f32[2 + i / 2] : a.f32[2 + i / 2]) }
static inline vec zip_low_f64(vec a, vec b) { EACH(f64, 2, i % 2 ? b.f64[0] : a.f64[0]) }
static inline vec zip_high_f64(vec a, vec b) { EACH(f64, 2, i % 2 ? b.f64[1] : a.f64[1]) }
#undef EACH

#endif
#endif
