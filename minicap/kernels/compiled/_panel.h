/* A few rows times a packed panel: sums[r][v] = sum over k of a[r][k] * panel[k][v], all sums in registers.

   Two or four rows and three or four vectors at once: each vector loaded serves all rows, each number of a
   row all vectors, and the compiler keeps a loop of fixed bounds over a local array in registers. */

#ifndef MINICAP_PANEL_H
#define MINICAP_PANEL_H

#include <stddef.h>
#include "_vector.h"

#if VECTOR_BYTES == 64
#define PANEL_ROWS 4 /* 16 sums of 32 registers */
#else
#define PANEL_ROWS 2 /* 8 of 16 */
#endif

#define PANEL(name, number, kind, rows, vectors)                                                        \
    static void name(vec *sums, const number *a, ptrdiff_t stride, const number *panel, ptrdiff_t depth) { \
        const ptrdiff_t lanes = VECTOR_BYTES / sizeof(number);                                          \
        vec sum[rows * vectors];                                                                        \
        for (int i = 0; i < rows * vectors; i++) sum[i] = vector_zero();                                \
        for (ptrdiff_t k = 0; k < depth; k++, panel += vectors * lanes)                                 \
            for (int r = 0; r < rows; r++) {                                                            \
                vec each = broadcast_##kind(a[r * stride + k]);                                         \
                for (int v = 0; v < vectors; v++)                                                       \
                    sum[r * vectors + v] =                                                              \
                        madd_##kind(sum[r * vectors + v], each, vector_load(panel + v * lanes));        \
            }                                                                                           \
        for (int i = 0; i < rows * vectors; i++) sums[i] = sum[i];                                      \
    }

PANEL(panel_rows_3_f32, float, f32, PANEL_ROWS, 3)
PANEL(panel_rows_4_f32, float, f32, PANEL_ROWS, 4)
PANEL(panel_rows_3_f64, double, f64, PANEL_ROWS, 3)
PANEL(panel_rows_4_f64, double, f64, PANEL_ROWS, 4)
PANEL(panel_row_3_f32, float, f32, 1, 3)
PANEL(panel_row_4_f32, float, f32, 1, 4)
PANEL(panel_row_3_f64, double, f64, 1, 3)
PANEL(panel_row_4_f64, double, f64, 1, 4)
#endif
