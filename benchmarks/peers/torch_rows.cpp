// Adagrad's update of the rows that a batch used, in one pass: sum the gradients of equal ids, accumulate, write.

#include <torch/extension.h>

#include <cmath>
#include <vector>

// `positions` [rows] holds -1 everywhere before and after.
void update_rows(torch::Tensor table, torch::Tensor accumulator, torch::Tensor positions, torch::Tensor ids,
                 torch::Tensor gradients, double rate, double epsilon) {
  const int64_t count = ids.numel(), width = table.size(1);
  const int64_t* id = ids.data_ptr<int64_t>();
  const float* gradient = gradients.data_ptr<float>();
  int32_t* position = positions.data_ptr<int32_t>();
  std::vector<int64_t> rows;
  std::vector<int32_t> row_of(count);
  rows.reserve(count);
  for (int64_t i = 0; i < count; ++i) {
    if (position[id[i]] < 0) {
      position[id[i]] = static_cast<int32_t>(rows.size());
      rows.push_back(id[i]);
    }
    row_of[i] = position[id[i]];
  }
  std::vector<float> sums(rows.size() * width, 0.0f);
  for (int64_t i = 0; i < count; ++i)
    for (int64_t j = 0; j < width; ++j) sums[row_of[i] * width + j] += gradient[i * width + j];
  float *values = table.data_ptr<float>(), *squares = accumulator.data_ptr<float>();
  const float step = static_cast<float>(rate), small = static_cast<float>(epsilon);
  at::parallel_for(0, static_cast<int64_t>(rows.size()), 1024, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      position[rows[r]] = -1;
      float *value = values + rows[r] * width, *square = squares + rows[r] * width;
      for (int64_t j = 0; j < width; ++j) {
        const float change = sums[r * width + j];
        square[j] += change * change;
        value[j] -= step * change / std::sqrt(square[j] + small);
      }
    }
  });
}

PYBIND11_MODULE(TORCH_EXTENSION_NAME, module) { module.def("update_rows", &update_rows); }
