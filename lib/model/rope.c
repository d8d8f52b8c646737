/* rope.c - rotary frequencies, from what config.json says of them.
 *
 * Fields lie in rope_parameters (newer files), or at the top with rope_scaling beside them. */
#include <math.h>

#include "model/from.h"

/* The smoothed scaling of Llama 3.1: long waves are slowed by `factor`, short ones stay, between
 * them a ramp. */
static enum st scale_llama3(struct config *c, const struct from *f, json_t *r)
{
    double factor, low, high, old;
    enum st st;

    if ((st = json_real_or(f->path, r, "factor", 0, &factor)) != ST_OK ||
        (st = json_real_or(f->path, r, "low_freq_factor", 0, &low)) != ST_OK ||
        (st = json_real_or(f->path, r, "high_freq_factor", 0, &high)) != ST_OK ||
        (st = json_real_or(f->path, r, "original_max_position_embeddings", (double)c->positions,
                           &old)) != ST_OK)
        return st;
    if (!(factor >= 1) || !(low > 0) || !(high > low) || !(old >= 1))
        return from_refuse(f, "rope_scaling",
                           "of type 'llama3' needs factor >= 1, 0 < low_freq_factor < "
                           "high_freq_factor and original_max_position_embeddings");
    for (int64_t j = 0; j < c->n_freq; j++) {
        double wave = 2 * M_PI / c->freq[j];
        if (wave > old / low) {
            c->freq[j] /= factor;
        } else if (wave >= old / high) {
            double smooth = (old / wave - low) / (high - low);
            c->freq[j] = (1 - smooth) * c->freq[j] / factor + smooth * c->freq[j];
        }
    }
    return ST_OK;
}

static enum st scale_rope(struct config *c, const struct from *f, json_t *r)
{
    const char *type, *old;
    double factor;
    enum st st;

    if ((st = json_text_or(f->path, r, "type", "default", &old)) != ST_OK ||
        (st = json_text_or(f->path, r, "rope_type", old, &type)) != ST_OK)
        return st;
    if (strcmp(type, "default") == 0)
        return ST_OK;
    if (strcmp(type, "llama3") == 0)
        return scale_llama3(c, f, r);
    if (strcmp(type, "linear") != 0)
        return from_refuse_value(f, "rope_type", type, "default, linear and llama3");
    if ((st = json_real_or(f->path, r, "factor", 0, &factor)) != ST_OK)
        return st;
    if (!(factor >= 1))
        return from_refuse(f, "rope_scaling", "of type 'linear' needs a factor of at least 1");
    for (int64_t j = 0; j < c->n_freq; j++)
        c->freq[j] /= factor;
    return ST_OK;
}

enum st rope_read(struct config *c, const struct from *f, struct arena *a)
{
    bool neox = c->family == FAMILY_NEOX;
    double base, part, whole = neox ? .25 : 1;
    enum st st;
    json_t *r = json_object_get(f->o, "rope_scaling");
    if (!json_is_object(r) || json_object_size(r) == 0)
        r = json_object_get(f->o, "rope_parameters");

    if ((st = json_real_or(f->path, f->o, "rope_theta", 10000, &base)) != ST_OK ||
        (neox && (st = json_real_or(f->path, f->o, "rotary_emb_base", base, &base)) != ST_OK) ||
        (st = json_real_or(f->path, f->o, "partial_rotary_factor", whole, &part)) != ST_OK ||
        (neox && (st = json_real_or(f->path, f->o, "rotary_pct", part, &part)) != ST_OK))
        return st;
    if (json_is_object(r))
        if ((st = json_real_or(f->path, r, "rope_theta", base, &base)) != ST_OK ||
            (st = json_real_or(f->path, r, "partial_rotary_factor", part, &part)) != ST_OK)
            return st;
    if (!(base >= 1) || !isfinite(base))
        return from_refuse(f, neox ? "rotary_emb_base" : "rope_theta", "must be at least 1");
    if (!(part > 0 && part <= 1) || (!neox && part != 1))
        return from_refuse(f, neox ? "rotary_pct" : "partial_rotary_factor",
                           "is not supported by this family");
    int64_t rotated = (int64_t)((double)c->E * part);
    if (rotated < 2 || rotated % 2)
        return from_refuse(f, neox ? "rotary_pct" : "head_dim",
                           "gives an odd number of rotated numbers a head");
    c->n_freq = rotated / 2;
    if (!(c->freq = ARENA_NEW(a, double, c->n_freq)))
        return ST_SYS;
    for (int64_t j = 0; j < c->n_freq; j++)
        c->freq[j] = pow(base, -2.0 * (double)j / (double)rotated);
    return json_is_object(r) ? scale_rope(c, f, r) : ST_OK;
}
