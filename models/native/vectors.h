// Arithmetic on small float32 matrices that stay in a core's cache: products, sigmoid, and loops over examples.
//
// Vectors are GCC's own (eight numbers), so that the compiler emits AVX2 or AVX-512 from one source.

#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <thread>
#include <vector>

namespace interestflow {

constexpr int kLanes = 8;
typedef float Vec __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t IntVec __attribute__((vector_size(32), aligned(4), may_alias));

inline int round_up(int64_t size) { return static_cast<int>((size + kLanes - 1) / kLanes * kLanes); }
inline Vec load(const float* from) { return *reinterpret_cast<const Vec*>(from); }
inline void store(float* to, Vec values) { *reinterpret_cast<Vec*>(to) = values; }
inline Vec broadcast(float value) { return Vec{value, value, value, value, value, value, value, value}; }

inline float sum(Vec values) {
  float total = 0.0f;
  for (int lane = 0; lane < kLanes; ++lane) total += values[lane];
  return total;
}

// exp by Cephes: 2^n times a polynomial in the rest, with a relative error of about 1e-7.
inline Vec exponential(Vec x) {
  x = x > 87.0f ? broadcast(87.0f) : x;
  x = x < -87.0f ? broadcast(-87.0f) : x;
  const float shift = 12582912.0f;  // 1.5 * 2^23: adding and subtracting it rounds to an integer.
  const Vec exponent = (x * 1.44269504088896341f + shift) - shift;
  const Vec rest = (x - exponent * 0.693359375f) + exponent * 2.12194440e-4f;
  Vec series = rest * 1.9875691500e-4f + 1.3981999507e-3f;
  series = series * rest + 8.3334519073e-3f;
  series = series * rest + 4.1665795894e-2f;
  series = series * rest + 1.6666665459e-1f;
  series = series * rest + 5.0000001201e-1f;
  series = series * rest * rest + rest + 1.0f;
  const IntVec power = (__builtin_convertvector(exponent, IntVec) + 127) << 23;
  return series * reinterpret_cast<const Vec&>(power);
}

inline Vec sigmoid(Vec x) { return 1.0f / (1.0f + exponential(-x)); }

// C [kRows, kVectors * 8] (+)= A B, with all of C in registers.
template <int kRows, int kVectors>
inline void multiply_block(int inner, const float* a, int64_t a_row, int64_t a_column, const float* b, int64_t b_row,
                           float* c, int64_t c_row, const float* bias, bool adds) {
  Vec sums[kRows][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < kVectors; ++j)
      sums[i][j] = bias ? load(bias + j * kLanes) : adds ? load(c + i * c_row + j * kLanes) : Vec{};
  for (int p = 0; p < inner; ++p) {
    Vec columns[kVectors];
#pragma GCC unroll 8
    for (int j = 0; j < kVectors; ++j) columns[j] = load(b + p * b_row + j * kLanes);
#pragma GCC unroll 8
    for (int i = 0; i < kRows; ++i) {
      const Vec row = broadcast(a[i * a_row + p * a_column]);
#pragma GCC unroll 8
      for (int j = 0; j < kVectors; ++j) sums[i][j] += row * columns[j];
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i)
#pragma GCC unroll 8
    for (int j = 0; j < kVectors; ++j) store(c + i * c_row + j * kLanes, sums[i][j]);
}

template <int kVectors>
inline void multiply_columns(int rows, int inner, const float* a, int64_t a_row, int64_t a_column, const float* b,
                             int64_t b_row, float* c, int64_t c_row, const float* bias, bool adds) {
  int i = 0;
  for (; i + 6 <= rows; i += 6)
    multiply_block<6, kVectors>(inner, a + i * a_row, a_row, a_column, b, b_row, c + i * c_row, c_row, bias, adds);
  a += i * a_row;
  c += i * c_row;
  switch (rows - i) {
    case 5: return multiply_block<5, kVectors>(inner, a, a_row, a_column, b, b_row, c, c_row, bias, adds);
    case 4: return multiply_block<4, kVectors>(inner, a, a_row, a_column, b, b_row, c, c_row, bias, adds);
    case 3: return multiply_block<3, kVectors>(inner, a, a_row, a_column, b, b_row, c, c_row, bias, adds);
    case 2: return multiply_block<2, kVectors>(inner, a, a_row, a_column, b, b_row, c, c_row, bias, adds);
    case 1: return multiply_block<1, kVectors>(inner, a, a_row, a_column, b, b_row, c, c_row, bias, adds);
  }
}

// C [rows, columns] = A [rows, inner] B [inner, columns] + bias [columns], or C += A B where `adds`.
//
// `columns` is a multiple of eight. Element (i, p) of A is at `a[i * a_row + p * a_column]`, so that A may be the
// transpose of what is stored.
inline void multiply(int rows, int columns, int inner, const float* a, int64_t a_row, int64_t a_column, const float* b,
                     int64_t b_row, float* c, int64_t c_row, const float* bias = nullptr, bool adds = false) {
  int j = 0;
  for (; j + 2 * kLanes <= columns; j += 2 * kLanes)
    multiply_columns<2>(rows, inner, a, a_row, a_column, b + j, b_row, c + j, c_row, bias ? bias + j : nullptr, adds);
  if (j < columns)
    multiply_columns<1>(rows, inner, a, a_row, a_column, b + j, b_row, c + j, c_row, bias ? bias + j : nullptr, adds);
}

// Copies [rows, columns], or its transpose, into zeros of rows of `padded` numbers.
inline std::vector<float> pad(const float* from, int rows, int columns, int padded, bool transposes = false) {
  const int out_rows = transposes ? columns : rows;
  std::vector<float> to(static_cast<size_t>(out_rows) * padded, 0.0f);
  for (int i = 0; i < rows; ++i)
    for (int j = 0; j < columns; ++j)
      (transposes ? to[static_cast<size_t>(j) * padded + i] : to[static_cast<size_t>(i) * padded + j]) =
          from[static_cast<size_t>(i) * columns + j];
  return to;
}

// Calls `work(chunk)` for each chunk, on so many threads, one of them the caller's.
template <typename Work>
void for_each_chunk(int chunks, int threads, const Work& work) {
  std::atomic<int> next{0};
  const auto run = [&] {
    for (int chunk; (chunk = next.fetch_add(1)) < chunks;) work(chunk);
  };
  std::vector<std::thread> helpers;
  for (int i = 1; i < std::min(threads, chunks); ++i) helpers.emplace_back(run);
  run();
  for (auto& helper : helpers) helper.join();
}

}  // namespace interestflow
