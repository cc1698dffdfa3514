// Thin C++ over TensorFlow's C API for kernels, whose headers compile in a second and whose ABI is stable.

#pragma once

#include <cstdint>
#include <cstdio>
#include <initializer_list>
#include <memory>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

namespace interestflow {

// Input of a kernel, which it holds for as long as it lives.
class Input {
 public:
  explicit Input(TF_Tensor* tensor) : tensor_(tensor, TF_DeleteTensor) {}
  int64_t dimension(int axis) const { return TF_Dim(tensor_.get(), axis); }
  const float* floats() const { return static_cast<const float*>(TF_TensorData(tensor_.get())); }
  const bool* bools() const { return static_cast<const bool*>(TF_TensorData(tensor_.get())); }

 private:
  std::shared_ptr<TF_Tensor> tensor_;
};

// Inputs, outputs and status of one call of a kernel.
class Context {
 public:
  explicit Context(TF_OpKernelContext* context) : context_(context), status_(TF_NewStatus(), TF_DeleteStatus) {}

  Input input(int index) {
    TF_Tensor* tensor = nullptr;
    TF_GetInput(context_, index, &tensor, status_.get());
    return Input(tensor);
  }

  // Allocates output `index` in float32; null where that fails, which `failed` then reports.
  float* output(int index, std::initializer_list<int64_t> shape) {
    if (TF_GetCode(status_.get()) != TF_OK) return nullptr;
    size_t size = sizeof(float);
    for (int64_t dimension : shape) size *= dimension;
    std::unique_ptr<TF_Tensor, decltype(&TF_DeleteTensor)> tensor(
        TF_AllocateOutput(context_, index, TF_FLOAT, shape.begin(), static_cast<int>(shape.size()), size,
                          status_.get()),
        TF_DeleteTensor);
    return tensor ? static_cast<float*>(TF_TensorData(tensor.get())) : nullptr;
  }

  bool failed() {
    if (TF_GetCode(status_.get()) == TF_OK) return false;
    TF_OpKernelContext_Failure(context_, status_.get());
    return true;
  }

 private:
  TF_OpKernelContext* context_;
  std::unique_ptr<TF_Status, decltype(&TF_DeleteStatus)> status_;
};

// A kernel's only state is its attribute `threads`.
inline void* create_kernel(TF_OpKernelConstruction* construction) {
  auto* kernel = new int32_t(1);
  TF_Status* status = TF_NewStatus();
  TF_OpKernelConstruction_GetAttrInt32(construction, "threads", kernel, status);
  TF_DeleteStatus(status);
  return kernel;
}
inline void delete_kernel(void* kernel) { delete static_cast<int32_t*>(kernel); }
inline int threads(void* kernel) { return *static_cast<int32_t*>(kernel); }

// Registers an operation and its kernel for the CPU; Python states the shapes of the outputs.
inline bool register_kernel(const char* name, std::initializer_list<const char*> inputs,
                            std::initializer_list<const char*> outputs,
                            void (*compute)(void*, TF_OpKernelContext*)) {
  TF_Status* status = TF_NewStatus();
  TF_OpDefinitionBuilder* operation = TF_NewOpDefinitionBuilder(name);
  for (const char* input : inputs) TF_OpDefinitionBuilderAddInput(operation, input);
  for (const char* output : outputs) TF_OpDefinitionBuilderAddOutput(operation, output);
  TF_OpDefinitionBuilderAddAttr(operation, "threads: int = 1");
  TF_OpDefinitionBuilderSetShapeInferenceFunction(operation, TF_ShapeInferenceContextSetUnknownShape);
  TF_RegisterOpDefinition(operation, status);
  if (TF_GetCode(status) == TF_OK) {
    TF_KernelBuilder* kernel = TF_NewKernelBuilder(name, "CPU", create_kernel, compute, delete_kernel);
    TF_RegisterKernelBuilder(name, kernel, status);
  }
  const bool is_registered = TF_GetCode(status) == TF_OK;
  if (!is_registered) std::fprintf(stderr, "%s: %s\n", name, TF_Message(status));
  TF_DeleteStatus(status);
  return is_registered;
}

}  // namespace interestflow
