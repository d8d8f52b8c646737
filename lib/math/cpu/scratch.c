/* scratch.c - how much the ops of a pass take for themselves, told beforehand.
 *
 * One block serves them all, one after the other, so it is the largest demand: the head's logits,
 * or what attention keeps of every token for its backward beside each thread's tiles, or the parts
 * of a norm's gradient. */
#include "math/cpu/attention.h"
#include "math/cpu/cpu.h"

static size_t attention_bytes(const struct dev *d, const struct dev_pass *p)
{
    struct heads q = { .n = p->H, .E = p->E }, k = { .n = p->G, .E = p->E };
    struct forest none = { 0 };
    struct att a = att_of(q, k, k, &none, 1, 0);
    int64_t lists = 5 * p->tokens, deltas = p->back ? p->tokens * p->H : 0;

    return ((size_t)(lists + deltas + 2 * LANES) + (size_t)d->threads * a.own) * sizeof(float);
}

/* Of rows tokens of D numbers: parts of dw and db. */
static size_t norm_bytes(int64_t rows, int64_t D)
{
    return (size_t)(2 * cpu_norm_parts(rows) * round_lanes(D)) * sizeof(float);
}

size_t cpu_scratch_most(const struct dev *d, const struct dev_pass *p)
{
    int64_t rows = MAX(p->tokens, p->targets);
    size_t most = cpu_logprob_bytes(d, p->targets, p->V, p->D, p->back);

    most = MAX(most, attention_bytes(d, p));
    if (p->back) {
        most = MAX(most, norm_bytes(rows, p->D));
        most = MAX(most, norm_bytes(p->tokens * p->H, p->E));
    }
    return most;
}
