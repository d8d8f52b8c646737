/* model.c - the parameters: names, shapes, places, first values.
 *
 * All weights lie in one block and all gradients in another, in the order of the layers.  The
 * matrices of q, k and v are neighbours without a gap, so that their three products are one; each
 * is still a parameter of its own. */
#include "model/layer.h"

#include "base/rng.h"

struct plan {                                  /* walks the parameters: to count, then to place */
    struct model *m;
    struct arena *a;
    int64_t       n, bytes, floats, n_weights; /* floats: of the gradients, gaps counted */
    bool          place;
    enum st       st;
};

static int64_t round_up(int64_t n, int64_t to)
{
    return (n + to - 1) / to * to;
}

/* The next parameter: [rows cols], or [rows] where cols is 0.  joined: no gap to the one before. */
static struct param *put(struct plan *p, bool joined, int64_t rows, int64_t cols, const char *name,
                         int64_t layer, const char *end)
{
    struct param *w = NULL;
    int64_t n = rows * MAX(cols, 1);
    enum dtype type = cols ? p->m->c.held : F32;
    int64_t size = type == BF16 ? 2 : sizeof(float), step = PARAM_FLOATS * sizeof(float);

    if (!joined) {
        p->bytes = round_up(p->bytes, step);
        p->floats = round_up(p->floats, step / size);
    }
    if (p->place) {
        w = &p->m->param[p->n];
        w->name = layer < 0 ? arena_printf(p->a, "%s%s", name, end)
                            : arena_printf(p->a, "%s%lld.%s", name, (long long)layer, end);
        if (!w->name)
            p->st = ST_SYS;
        void *at = (char *)p->m->w + p->bytes;
        w->w = cols ? tensor2(at, rows, cols) : tensor1(at, rows);
        w->g = w->w;
        w->g.p = p->m->g ? p->m->g + p->floats : NULL;
        w->w.type = type;
        w->w.low = type == BF16 && p->m->low ? p->m->low + p->floats : NULL;
        w->at = p->floats;
        w->decay = cols != 0;
    }
    p->n++;
    p->bytes += n * size;
    p->floats += n;
    p->n_weights += n;
    return w;
}

/* A view of w and, below it, of the parameters joined to it: `rows` in all. */
static struct tensor rows_of(struct tensor t, int64_t rows)
{
    t.d[0] = rows;
    return t;
}

static struct linear linear_of(const struct param *w, const struct param *b, int64_t rows)
{
    struct linear l = { 0 };
    if (w)
        l.w = rows_of(w->w, rows), l.dw = rows_of(w->g, rows);
    if (b)
        l.b = rows_of(b->w, rows), l.db = rows_of(b->g, rows);
    return l;
}

static struct norm norm_of(const struct param *w, const struct param *b)
{
    struct norm n = { 0 };
    if (w)
        n.w = w->w, n.dw = w->g;
    if (b)
        n.b = b->w, n.db = b->g;
    return n;
}

static void llama_attention(struct plan *p, struct layer *l, const char *at, int64_t i)
{
    const struct config *c = &p->m->c;
    int64_t HE = c->H * c->E, GE = c->G * c->E;
    struct param *q = put(p, false, HE, c->D, at, i, "self_attn.q_proj.weight");
    struct param *k = put(p, true, GE, c->D, at, i, "self_attn.k_proj.weight");
    struct param *v = put(p, true, GE, c->D, at, i, "self_attn.v_proj.weight");
    struct param *qb = NULL, *kb = NULL, *vb = NULL, *ob = NULL;
    if (c->qkv_bias) {
        qb = put(p, false, HE, 0, at, i, "self_attn.q_proj.bias");
        kb = put(p, true, GE, 0, at, i, "self_attn.k_proj.bias");
        vb = put(p, true, GE, 0, at, i, "self_attn.v_proj.bias");
    }
    if (c->qk_norm) {
        bool head = c->qk_norm == QK_NORM_HEAD;
        int64_t Q = head ? c->E : HE, K = head ? c->E : GE;
        l->q_norm = norm_of(put(p, false, Q, 0, at, i, "self_attn.q_norm.weight"), NULL);
        l->k_norm = norm_of(put(p, false, K, 0, at, i, "self_attn.k_norm.weight"), NULL);
    }
    struct param *o = put(p, false, c->D, HE, at, i, "self_attn.o_proj.weight");
    if (c->o_bias)
        ob = put(p, false, c->D, 0, at, i, "self_attn.o_proj.bias");
    l->q = linear_of(q, qb, HE);
    l->k = linear_of(k, kb, GE);
    l->v = linear_of(v, vb, GE);
    l->qkv = linear_of(q, qb, HE + 2 * GE);
    l->out = linear_of(o, ob, c->D);
}

static struct linear llama_linear(struct plan *p, int64_t rows, int64_t cols, const char *at,
                                  int64_t i, const char *w, const char *b)
{
    struct param *pw = put(p, false, rows, cols, at, i, w);
    struct param *pb = p->m->c.mlp_bias ? put(p, false, rows, 0, at, i, b) : NULL;
    return linear_of(pw, pb, rows);
}

static void plan_llama(struct plan *p)
{
    static const char at[] = "model.layers.";
    struct model *m = p->m;
    const struct config *c = &m->c;
    const char *norm1 = "input_layernorm.weight", *norm2 = "post_attention_layernorm.weight";

    if (c->post_norm) {
        norm1 = norm2;
        norm2 = "post_feedforward_layernorm.weight";
    }
    m->embed = put(p, false, c->V, c->D, "model.embed_tokens", -1, ".weight");
    for (int64_t i = 0; i < c->L; i++) {
        struct layer *l = &m->layer[i];
        l->norm1 = norm_of(put(p, false, c->D, 0, at, i, norm1), NULL);
        llama_attention(p, l, at, i);
        l->norm2 = norm_of(put(p, false, c->D, 0, at, i, norm2), NULL);
        l->gate = llama_linear(p, c->F, c->D, at, i, "mlp.gate_proj.weight", "mlp.gate_proj.bias");
        l->up = llama_linear(p, c->F, c->D, at, i, "mlp.up_proj.weight", "mlp.up_proj.bias");
        l->down = llama_linear(p, c->D, c->F, at, i, "mlp.down_proj.weight", "mlp.down_proj.bias");
    }
    m->norm = put(p, false, c->D, 0, "model.norm", -1, ".weight");
    m->head = c->tied ? m->embed : put(p, false, c->V, c->D, "lm_head", -1, ".weight");
}

static struct norm plain_norm(struct plan *p, const char *at, int64_t i, const char *w,
                              const char *b)
{
    struct param *pw = put(p, false, p->m->c.D, 0, at, i, w);
    struct param *pb = put(p, false, p->m->c.D, 0, at, i, b);
    return norm_of(pw, pb);
}

static struct linear neox_linear(struct plan *p, bool bias, int64_t rows, int64_t cols,
                                 const char *at, int64_t i, const char *w, const char *b)
{
    struct param *pw = put(p, false, rows, cols, at, i, w);
    struct param *pb = bias ? put(p, false, rows, 0, at, i, b) : NULL;
    return linear_of(pw, pb, rows);
}

static void plan_neox(struct plan *p)
{
    static const char at[] = "gpt_neox.layers.";
    struct model *m = p->m;
    const struct config *c = &m->c;

    m->embed = put(p, false, c->V, c->D, "gpt_neox.embed_in", -1, ".weight");
    for (int64_t i = 0; i < c->L; i++) {
        struct layer *l = &m->layer[i];
        l->norm1 = plain_norm(p, at, i, "input_layernorm.weight", "input_layernorm.bias");
        l->norm2 = plain_norm(p, at, i, "post_attention_layernorm.weight",
                              "post_attention_layernorm.bias");
        l->qkv = neox_linear(p, c->qkv_bias, 3 * c->D, c->D, at, i,
                             "attention.query_key_value.weight", "attention.query_key_value.bias");
        l->out = neox_linear(p, c->o_bias, c->D, c->D, at, i, "attention.dense.weight",
                             "attention.dense.bias");
        l->up = neox_linear(p, true, c->F, c->D, at, i, "mlp.dense_h_to_4h.weight",
                            "mlp.dense_h_to_4h.bias");
        l->down = neox_linear(p, true, c->D, c->F, at, i, "mlp.dense_4h_to_h.weight",
                              "mlp.dense_4h_to_h.bias");
    }
    m->norm = put(p, false, c->D, 0, "gpt_neox.final_layer_norm", -1, ".weight");
    m->norm_bias = put(p, false, c->D, 0, "gpt_neox.final_layer_norm", -1, ".bias");
    m->head = c->tied ? m->embed : put(p, false, c->V, c->D, "embed_out", -1, ".weight");
}

static struct linear gpt2_linear(struct plan *p, int64_t in, int64_t out, const char *at,
                                 int64_t i, const char *w, const char *b)
{
    struct param *pw = put(p, false, in, out, at, i, w), *pb = put(p, false, out, 0, at, i, b);
    struct linear l = linear_of(pw, pb, in);
    if (pb)
        l.b = pb->w, l.db = pb->g;
    l.turned = true;
    return l;
}

static void plan_gpt2(struct plan *p)
{
    static const char at[] = "transformer.h.";
    struct model *m = p->m;
    const struct config *c = &m->c;

    m->embed = put(p, false, c->V, c->D, "transformer.wte", -1, ".weight");
    m->places = put(p, false, c->positions, c->D, "transformer.wpe", -1, ".weight");
    for (int64_t i = 0; i < c->L; i++) {
        struct layer *l = &m->layer[i];
        l->norm1 = plain_norm(p, at, i, "ln_1.weight", "ln_1.bias");
        l->qkv = gpt2_linear(p, c->D, 3 * c->D, at, i, "attn.c_attn.weight", "attn.c_attn.bias");
        l->out = gpt2_linear(p, c->D, c->D, at, i, "attn.c_proj.weight", "attn.c_proj.bias");
        l->norm2 = plain_norm(p, at, i, "ln_2.weight", "ln_2.bias");
        l->up = gpt2_linear(p, c->D, c->F, at, i, "mlp.c_fc.weight", "mlp.c_fc.bias");
        l->down = gpt2_linear(p, c->F, c->D, at, i, "mlp.c_proj.weight", "mlp.c_proj.bias");
    }
    m->norm = put(p, false, c->D, 0, "transformer.ln_f", -1, ".weight");
    m->norm_bias = put(p, false, c->D, 0, "transformer.ln_f", -1, ".bias");
    m->head = c->tied ? m->embed : put(p, false, c->V, c->D, "lm_head", -1, ".weight");
}

static struct plan walk(struct model *m, bool place, struct arena *a)
{
    struct plan p = { .m = m, .a = a, .place = place };

    for (int64_t i = 0; i < m->c.L; i++)
        m->layer[i].window = m->c.window[i];
    if (m->c.family == FAMILY_GPT2)
        plan_gpt2(&p);
    else if (m->c.family == FAMILY_NEOX)
        plan_neox(&p);
    else
        plan_llama(&p);
    return p;
}

enum st model_new(struct model **out, const struct config *c, struct dev *d, bool train,
                  struct arena *a)
{
    struct model *m = ARENA_NEW(a, struct model, 1);

    if (!m || !(m->layer = ARENA_NEW(a, struct layer, c->L)))
        return ST_SYS;
    BUG_IF(c->held != F32 && (c->held != BF16 || !d->half));
    m->c = *c;
    m->d = d;
    m->lowest = -1;
    struct plan p = walk(m, false, a);
    m->n_params = p.n;
    m->n_weights = p.n_weights;
    bool all = train && !c->lora;
    size_t low = all && c->held == BF16 ? (size_t)p.floats * sizeof *m->low : 0;
    m->n_bytes = (size_t)p.bytes + low;
    m->g_bytes = (size_t)p.floats * sizeof *m->g;
    if (!(m->param = ARENA_NEW(a, struct param, p.n)) ||
        !(m->w = dev_alloc(d, (size_t)p.bytes)) || (low && !(m->low = dev_alloc(d, low))) ||
        (all && !(m->g = dev_alloc(d, m->g_bytes))))
        return ST_SYS;
    *out = m;
    enum st st = walk(m, true, a).st;
    return st == ST_OK && c->lora ? lora_new(m, train, a) : st;
}

void model_free(struct model *m)
{
    dev_free(m->d, m->w);
    dev_free(m->d, m->low);
    dev_free(m->d, m->g);
    m->w = m->g = NULL;
    m->low = NULL;
    dev_free(m->d, m->adapters.w);
    dev_free(m->d, m->adapters.g);
    m->adapters.w = m->adapters.g = NULL;
}

struct params model_trained(const struct model *m)
{
    if (m->c.lora)
        return m->adapters;
    return (struct params){ m->n_params, m->param, m->n_weights, m->w, m->g, m->g_bytes };
}

void model_zero_grad(struct model *m)
{
    struct params p = model_trained(m);

    dev_zero(m->d, p.g, p.n_bytes);
}

uint32_t model_name_hash(const char *s)
{
    uint32_t h = 2166136261u;                  /* FNV-1a */
    for (; *s; s++)
        h = (h ^ (uint8_t)*s) * 16777619u;
    return h;
}

void model_init(struct model *m, uint64_t seed)
{
    float block[16384];
    float std = (float)m->c.init_std;
    int64_t room = countof(block);

    for (int64_t i = 0; i < m->n_params; i++) {
        const struct param *p = &m->param[i];
        int64_t n = tensor_n(p->w);
        size_t end = strlen(p->name);
        bool bias = end > 5 && strcmp(p->name + end - 5, ".bias") == 0;
        uint64_t stream = RNG_STREAM(RNG_INIT, model_name_hash(p->name));
        for (int64_t at = 0; at < n; at += room) {
            int64_t k = MIN(room, n - at);
#pragma omp parallel for num_threads(m->d->threads) if (k >= 4096)
            for (int64_t j = 0; j < k; j++)
                if (p->w.rank == 2)
                    block[j] = std * (float)rng_normal(seed, stream, (uint64_t)(at + j));
                else
                    block[j] = !bias;
            dev_put_floats(m->d, &p->w, at, k, block);
        }
    }
}

double model_flops(const struct config *c, int64_t n_tokens, int64_t n_targets)
{
    double D = (double)c->D, HE = (double)(c->H * c->E), GE = (double)(c->G * c->E);
    double qkv = D * (HE + 2 * GE),
           rest = HE * D + (c->family == FAMILY_LLAMA ? 3 : 2) * D * (double)c->F;
    double N = (double)n_tokens, n = (double)n_targets, L = (double)c->L;

    return 2 * (L * N * qkv + ((L - 1) * N + n) * rest + n * D * (double)c->V);
}
