/* What the processor's multiply-adds reach at most: twelve independent chains on whole registers, nothing else. */

#include <cstdint>

enum { LANES = 8, CHAINS = 12 };
typedef double V __attribute__((vector_size(LANES * sizeof(double))));

/* Return the last value, so that no chain is dropped; each round is CHAINS * LANES multiply-adds. */
extern "C" double multiply_adds(int64_t rounds, double factor, double term) {
    V chain[CHAINS], f = V{} + factor, t = V{} + term;
    for (int i = 0; i < CHAINS; i++) chain[i] = V{} + double(i);
    for (int64_t round = 0; round < rounds; round++)
        for (int i = 0; i < CHAINS; i++) chain[i] = chain[i] * f + t;
    double sum = 0.0;
    for (int i = 0; i < CHAINS; i++) sum += chain[i][0];
    return sum;
}
