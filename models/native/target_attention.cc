// Scores of `TargetAttention("mlp")` with two hidden layers of sigmoids, forward and backward, one example at a time.
//
// With query q [d] and keys K [T, d]: M = Wk + diag(q) Wp, H1 = sigmoid(K M + c), H2 = sigmoid(H1 W2 + b2),
// s = H2 w3. The product of query and keys is folded into the kernel M [d, u], which halves the first layer's
// arithmetic, and everything between K and s stays in the cache. Only H1 and H2 are written, for the backward pass.
//
// Steps behind the last valid one have score 0 and gradient 0, and cost nothing. Weights' gradients are summed in the
// same order whatever the number of threads.

#include "kernel_context.h"
#include "vectors.h"

namespace interestflow {
namespace {

constexpr int kChunks = 32;  // Parts of a batch that threads take.
constexpr int kTile = 64;    // Steps of a history that are handled at once.

struct Sizes {
  int batch, steps, width, first, second;  // B, T, d, u, v
  int width_padded, first_padded, second_padded;
  Sizes(int64_t batch, int64_t steps, int64_t width, int64_t first, int64_t second)
      : batch(batch), steps(steps), width(width), first(first), second(second), width_padded(round_up(width)),
        first_padded(round_up(first)), second_padded(round_up(second)) {}
  int chunk_begin(int chunk) const { return static_cast<int>(static_cast<int64_t>(batch) * chunk / kChunks); }
};

int valid_steps(const bool* mask, int steps) {
  while (steps > 0 && !mask[steps - 1]) --steps;
  return steps;
}

// inputs: query [B, d], query_term [B, u], keys [B, T, d], mask [B, T], key_kernel [d, u], product_kernel [d, u],
//         hidden_kernel [u, v], hidden_bias [v], last_kernel [v]
// outputs: scores [B, T]; first [B, T, u'] and second [B, T, v'], rows rounded up to a multiple of eight
void forward(void* kernel, TF_OpKernelContext* raw) {
  Context context(raw);
  const Input query = context.input(0), query_term = context.input(1), keys = context.input(2),
              mask = context.input(3), key_kernel = context.input(4), product_kernel = context.input(5),
              hidden_kernel = context.input(6), hidden_bias = context.input(7), last_kernel = context.input(8);
  const Sizes size(keys.dimension(0), keys.dimension(1), keys.dimension(2), query_term.dimension(1),
                   hidden_bias.dimension(0));
  const int d = size.width, u = size.first_padded, v = size.second_padded;
  float* scores = context.output(0, {size.batch, size.steps});
  float* first = context.output(1, {size.batch, size.steps, u});
  float* second = context.output(2, {size.batch, size.steps, v});
  if (context.failed()) return;
  const auto wk = pad(key_kernel.floats(), d, size.first, u), wp = pad(product_kernel.floats(), d, size.first, u);
  const auto w2 = pad(hidden_kernel.floats(), size.first, size.second, v);
  const auto b2 = pad(hidden_bias.floats(), 1, size.second, v), w3 = pad(last_kernel.floats(), 1, size.second, v);

  for_each_chunk(kChunks, threads(kernel), [&](int chunk) {
    std::vector<float> mixed(static_cast<size_t>(d) * u), term(u, 0.0f);
    for (int example = size.chunk_begin(chunk); example < size.chunk_begin(chunk + 1); ++example) {
      const float* q = query.floats() + static_cast<int64_t>(example) * d;
      for (int i = 0; i < d; ++i)
        for (int j = 0; j < u; j += kLanes) store(&mixed[i * u + j], load(&wk[i * u + j]) + q[i] * load(&wp[i * u + j]));
      std::memcpy(term.data(), query_term.floats() + static_cast<int64_t>(example) * size.first,
                  sizeof(float) * size.first);
      const int64_t row = static_cast<int64_t>(example) * size.steps;
      const int steps = valid_steps(mask.bools() + row, size.steps);
      for (int begin = 0; begin < steps; begin += kTile) {
        const int rows = std::min(kTile, steps - begin);
        float *h1 = first + (row + begin) * u, *h2 = second + (row + begin) * v;
        multiply(rows, u, d, keys.floats() + (row + begin) * d, d, 1, mixed.data(), u, h1, u, term.data());
        for (int j = 0; j < rows * u; j += kLanes) store(h1 + j, sigmoid(load(h1 + j)));
        multiply(rows, v, size.first, h1, u, 1, w2.data(), v, h2, v, b2.data());
        for (int i = 0; i < rows; ++i) {
          Vec total = {};
          for (int j = i * v, p = 0; p < v; j += kLanes, p += kLanes) {
            const Vec value = sigmoid(load(h2 + j));
            store(h2 + j, value);
            total += value * load(&w3[p]);
          }
          scores[row + begin + i] = sum(total);
        }
      }
      std::fill(scores + row + steps, scores + row + size.steps, 0.0f);
    }
  });
}

// Gradients of the weights, rows rounded up to a multiple of eight.
struct Gradients {
  std::vector<float> key_kernel, product_kernel, hidden_kernel, hidden_bias, last_kernel;
  explicit Gradients(const Sizes& size)
      : key_kernel(size.width * size.first_padded), product_kernel(size.width * size.first_padded),
        hidden_kernel(size.first * size.second_padded), hidden_bias(size.second_padded),
        last_kernel(size.second_padded) {}
  void add(const Gradients& other) {
    const auto add_to = [](std::vector<float>& to, const std::vector<float>& from) {
      for (size_t i = 0; i < to.size(); ++i) to[i] += from[i];
    };
    add_to(key_kernel, other.key_kernel);
    add_to(product_kernel, other.product_kernel);
    add_to(hidden_kernel, other.hidden_kernel);
    add_to(hidden_bias, other.hidden_bias);
    add_to(last_kernel, other.last_kernel);
  }
};

// dZ2 = ds w3 H2 (1 - H2), and the gradients of w3 and b2.
void backward_last(int rows, int v, const float* gradient, const float* h2, const float* w3, float* dz2,
                   Gradients& sums) {
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < v; j += kLanes) {
      const Vec value = load(h2 + i * v + j), change = gradient[i] * load(w3 + j) * (value - value * value);
      store(dz2 + i * v + j, change);
      store(&sums.last_kernel[j], load(&sums.last_kernel[j]) + gradient[i] * value);
      store(&sums.hidden_bias[j], load(&sums.hidden_bias[j]) + change);
    }
}

void unpad(const std::vector<float>& from, int rows, int columns, int padded, float* to) {
  for (int i = 0; i < rows; ++i) std::memcpy(to + i * columns, &from[i * padded], sizeof(float) * columns);
}

// inputs: gradient [B, T], query, keys, mask, key_kernel, product_kernel, hidden_kernel, last_kernel, first, second
// outputs: gradients of query [B, d], query_term [B, u], keys [B, T, d], key_kernel, product_kernel, hidden_kernel,
//          hidden_bias, last_kernel
void backward(void* kernel, TF_OpKernelContext* raw) {
  Context context(raw);
  const Input gradient = context.input(0), query = context.input(1), keys = context.input(2), mask = context.input(3),
              key_kernel = context.input(4), product_kernel = context.input(5), hidden_kernel = context.input(6),
              last_kernel = context.input(7), first = context.input(8), second = context.input(9);
  const Sizes size(keys.dimension(0), keys.dimension(1), keys.dimension(2), key_kernel.dimension(1),
                   last_kernel.dimension(0));
  const int d = size.width, dp = size.width_padded, u = size.first_padded, v = size.second_padded;
  float* query_gradient = context.output(0, {size.batch, d});
  float* term_gradient = context.output(1, {size.batch, size.first});
  float* keys_gradient = context.output(2, {size.batch, size.steps, d});
  float* weights[] = {context.output(3, {d, size.first}), context.output(4, {d, size.first}),
                      context.output(5, {size.first, size.second}), context.output(6, {size.second}),
                      context.output(7, {size.second})};
  if (context.failed()) return;
  const auto wp = pad(product_kernel.floats(), d, size.first, u);
  const auto wk_transposed = pad(key_kernel.floats(), d, size.first, dp, true);
  const auto wp_transposed = pad(product_kernel.floats(), d, size.first, dp, true);
  const auto w2_transposed = pad(hidden_kernel.floats(), size.first, size.second, u, true);
  const auto w3 = pad(last_kernel.floats(), 1, size.second, v);
  std::vector<Gradients> parts(kChunks, Gradients(size));

  for_each_chunk(kChunks, threads(kernel), [&](int chunk) {
    Gradients& sums = parts[chunk];
    std::vector<float> mixed(size.first * dp), mixed_gradient(d * u), q(dp, 0.0f), term(u), dz2(kTile * v),
        dz1(kTile * u), dk(kTile * dp);
    for (int example = size.chunk_begin(chunk); example < size.chunk_begin(chunk + 1); ++example) {
      const int64_t row = static_cast<int64_t>(example) * size.steps;
      std::memcpy(q.data(), query.floats() + static_cast<int64_t>(example) * d, sizeof(float) * d);
      for (int i = 0; i < size.first; ++i)
        for (int j = 0; j < dp; j += kLanes)
          store(&mixed[i * dp + j], load(&wk_transposed[i * dp + j]) + load(&q[j]) * load(&wp_transposed[i * dp + j]));
      std::fill(mixed_gradient.begin(), mixed_gradient.end(), 0.0f);
      std::fill(term.begin(), term.end(), 0.0f);
      const int steps = valid_steps(mask.bools() + row, size.steps);
      for (int begin = 0; begin < steps; begin += kTile) {
        const int rows = std::min(kTile, steps - begin);
        const float *h1 = first.floats() + (row + begin) * u, *h2 = second.floats() + (row + begin) * v;
        const float* k = keys.floats() + (row + begin) * d;
        float* dk_out = keys_gradient + (row + begin) * d;
        backward_last(rows, v, gradient.floats() + row + begin, h2, w3.data(), dz2.data(), sums);
        multiply(size.first, v, rows, h1, 1, u, dz2.data(), v, sums.hidden_kernel.data(), v, nullptr, true);
        multiply(rows, u, size.second, dz2.data(), v, 1, w2_transposed.data(), u, dz1.data(), u);
        for (int i = 0; i < rows; ++i)
          for (int j = 0; j < u; j += kLanes) {
            const Vec value = load(h1 + i * u + j), change = load(&dz1[i * u + j]) * (value - value * value);
            store(&dz1[i * u + j], change);
            store(&term[j], load(&term[j]) + change);
          }
        multiply(d, u, rows, k, 1, d, dz1.data(), u, mixed_gradient.data(), u, nullptr, true);
        if (d == dp) {
          multiply(rows, d, size.first, dz1.data(), u, 1, mixed.data(), dp, dk_out, d);
        } else {
          multiply(rows, dp, size.first, dz1.data(), u, 1, mixed.data(), dp, dk.data(), dp);
          unpad(dk, rows, d, dp, dk_out);
        }
      }
      std::fill(keys_gradient + (row + steps) * d, keys_gradient + (row + size.steps) * d, 0.0f);
      std::memcpy(term_gradient + static_cast<int64_t>(example) * size.first, term.data(), sizeof(float) * size.first);
      for (int i = 0; i < d; ++i) {
        Vec total = {};
        for (int j = i * u; j < (i + 1) * u; j += kLanes) {
          const Vec change = load(&mixed_gradient[j]);
          total += change * load(&wp[j]);
          store(&sums.key_kernel[j], load(&sums.key_kernel[j]) + change);
          store(&sums.product_kernel[j], load(&sums.product_kernel[j]) + q[i] * change);
        }
        query_gradient[static_cast<int64_t>(example) * d + i] = sum(total);
      }
    }
  });
  for (int chunk = 1; chunk < kChunks; ++chunk) parts[0].add(parts[chunk]);
  unpad(parts[0].key_kernel, d, size.first, u, weights[0]);
  unpad(parts[0].product_kernel, d, size.first, u, weights[1]);
  unpad(parts[0].hidden_kernel, size.first, size.second, v, weights[2]);
  unpad(parts[0].hidden_bias, 1, size.second, v, weights[3]);
  unpad(parts[0].last_kernel, 1, size.second, v, weights[4]);
}

const bool registered_forward = register_kernel(
    "InterestflowAttentionScores",
    {"query: float", "query_term: float", "keys: float", "mask: bool", "key_kernel: float", "product_kernel: float",
     "hidden_kernel: float", "hidden_bias: float", "last_kernel: float"},
    {"scores: float", "first: float", "second: float"}, forward);

const bool registered_backward = register_kernel(
    "InterestflowAttentionScoresGradient",
    {"gradient: float", "query: float", "keys: float", "mask: bool", "key_kernel: float", "product_kernel: float",
     "hidden_kernel: float", "last_kernel: float", "first: float", "second: float"},
    {"query_gradient: float", "query_term_gradient: float", "keys_gradient: float", "key_kernel_gradient: float",
     "product_kernel_gradient: float", "hidden_kernel_gradient: float", "hidden_bias_gradient: float",
     "last_kernel_gradient: float"},
    backward);

}  // namespace
}  // namespace interestflow
