# One vector of hidden units through one step, forward and backward: what every loop of the family is made of.


cdef inline void _lstm_unit(vec* z, vec* c, vec* h, const floating* kind) noexcept nogil:
    """Turn four pre-activations into gates, in place, and the old cell state into both new ones."""
    z[0] = vsigmoid(z[0], kind)
    z[1] = vsigmoid(z[1], kind)
    z[2] = vtanh(z[2], kind)
    z[3] = vsigmoid(z[3], kind)
    c[0] = madd(mul(z[1], c[0], kind), z[0], z[2], kind)
    h[0] = mul(z[3], vtanh(c[0], kind), kind)


cdef inline void _lstm_unit_back(
    vec* z, vec c_prev, vec c, vec dh, vec* dc, const floating* kind
) noexcept nogil:
    """Turn four gates into gradients of their pre-activations, in place, and dc into that before the step."""
    cdef vec one = broadcast[floating](1), i = z[0], f = z[1], g = z[2], o = z[3]
    cdef vec t = vtanh(c, kind), shown = mul(dh, o, kind)
    cdef vec dcell = madd(dc[0], shown, sub(one, mul(t, t, kind), kind), kind)
    cdef vec written = mul(dcell, i, kind), kept = mul(dcell, f, kind)
    z[0] = mul(mul(written, g, kind), sub(one, i, kind), kind)
    z[1] = mul(mul(kept, c_prev, kind), sub(one, f, kind), kind)
    z[2] = mul(written, sub(one, mul(g, g, kind), kind), kind)
    z[3] = mul(mul(shown, t, kind), sub(one, o, kind), kind)
    dc[0] = kept


cdef inline void _gru_unit(vec* z_x, vec* z_h, vec* h, const floating* kind) noexcept nogil:
    """Turn z_x into gates, in place, and the state before the step into that after it."""
    cdef vec n
    z_x[0] = vsigmoid(add(z_x[0], z_h[0], kind), kind)
    z_x[1] = vsigmoid(add(z_x[1], z_h[1], kind), kind)
    n = z_x[2] = vtanh(madd(z_x[2], z_x[0], z_h[2], kind), kind)
    h[0] = madd(mul(z_x[1], h[0], kind), sub(broadcast[floating](1), z_x[1], kind), n, kind)


cdef inline void _gru_unit_back(
    vec* gates, vec zh_n, vec h_prev, vec* dh, vec* dz_n_h, const floating* kind
) noexcept nogil:
    """Turn gates into gradients of z_x, in place, and dh after the step into its direct part before it."""
    cdef vec one = broadcast[floating](1), r = gates[0], z = gates[1], n = gates[2]
    cdef vec kept = mul(dh[0], z, kind)
    cdef vec dn = mul(sub(dh[0], kept, kind), sub(one, mul(n, n, kind), kind), kind)
    dz_n_h[0] = mul(dn, r, kind)
    gates[0] = mul(mul(dz_n_h[0], zh_n, kind), sub(one, r, kind), kind)
    gates[1] = mul(mul(kept, sub(h_prev, n, kind), kind), sub(one, z, kind), kind)
    gates[2] = dn
    dh[0] = kept
