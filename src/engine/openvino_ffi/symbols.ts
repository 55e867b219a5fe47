/**
 * The part of OpenVINO's C API that this engine uses, as data: functions, struct layouts, status codes and element types, from the
 * headers of OpenVINO 2026.4 (`openvino/c/*.h`).
 *
 * @module
 */
import type { DType } from "../../base/tensor.ts";

/** `ov_shape_t`: the rank, and a pointer to that many 64-bit dimensions. */
const SHAPE = { struct: ["i64", "pointer"] } as const;

/** The functions. A `nonblocking` twin runs on another thread and is called `…_async`. */
export const SYMBOLS = {
  // ov_common.h
  ov_get_last_err_msg: { parameters: [], result: "pointer" },
  ov_free: {
    parameters: [
      "pointer", // const char* content
    ],
    result: "void",
  },
  // ov_core.h
  ov_get_openvino_version: {
    parameters: [
      "buffer", // ov_version_t* version
    ],
    result: "i32",
  },
  ov_version_free: {
    parameters: [
      "buffer", // ov_version_t* version
    ],
    result: "void",
  },
  ov_core_create: {
    parameters: [
      "buffer", // ov_core_t** core
    ],
    result: "i32",
  },
  ov_core_free: {
    parameters: [
      "pointer", // ov_core_t* core
    ],
    result: "void",
  },
  ov_core_get_available_devices: {
    parameters: [
      "pointer", // const ov_core_t* core
      "buffer", // ov_available_devices_t* devices
    ],
    result: "i32",
  },
  ov_available_devices_free: {
    parameters: [
      "buffer", // ov_available_devices_t* devices
    ],
    result: "void",
  },
  ov_core_add_extension: { parameters: ["pointer", "buffer"], result: "i32" }, // const ov_core_t* core, const char* path
  ov_core_read_model_async: {
    name: "ov_core_read_model",
    parameters: [
      "pointer", // const ov_core_t* core
      "buffer", // const char* model_path
      "pointer", // const char* bin_path
      "buffer", // ov_model_t** model
    ],
    result: "i32",
    nonblocking: true,
  },
  ov_core_compile_model_props_async: {
    name: "ov_core_compile_model_props",
    parameters: [
      "pointer", // const ov_core_t* core
      "pointer", // const ov_model_t* model
      "buffer", // const char* device_name
      "usize", // const size_t num_properties
      "buffer", // const ov_property_t* properties
      "buffer", // ov_compiled_model_t** compiled_model
    ],
    result: "i32",
    nonblocking: true,
  },
  ov_core_set_properties: {
    parameters: [
      "pointer", // const ov_core_t* core
      "buffer", // const char* device_name
      "usize", // const size_t num_properties
      "buffer", // const ov_property_t* properties
    ],
    result: "i32",
  },
  // ov_model.h
  ov_model_free: {
    parameters: [
      "pointer", // ov_model_t* model
    ],
    result: "void",
  },
  ov_model_inputs_size: {
    parameters: [
      "pointer", // const ov_model_t* model
      "buffer", // size_t* input_size
    ],
    result: "i32",
  },
  ov_model_outputs_size: {
    parameters: [
      "pointer", // const ov_model_t* model
      "buffer", // size_t* output_size
    ],
    result: "i32",
  },
  ov_model_const_input_by_index: {
    parameters: [
      "pointer", // const ov_model_t* model
      "usize", // const size_t index
      "buffer", // ov_output_const_port_t** input_port
    ],
    result: "i32",
  },
  ov_model_const_input_by_name: {
    parameters: [
      "pointer", // const ov_model_t* model
      "buffer", // const char* tensor_name
      "buffer", // ov_output_const_port_t** input_port
    ],
    result: "i32",
  },
  ov_model_const_output_by_name: {
    parameters: [
      "pointer", // const ov_model_t* model
      "buffer", // const char* tensor_name
      "buffer", // ov_output_const_port_t** output_port
    ],
    result: "i32",
  },
  ov_model_const_output_by_index: {
    parameters: [
      "pointer", // const ov_model_t* model
      "usize", // const size_t index
      "buffer", // ov_output_const_port_t** output_port
    ],
    result: "i32",
  },
  ov_model_reshape_by_port_indexes: {
    parameters: [
      "pointer", // const ov_model_t* model
      "buffer", // const size_t* port_indexes
      "buffer", // const ov_partial_shape_t* partial_shape
      "usize", // size_t size
    ],
    result: "i32",
  },
  // ov_node.h
  ov_port_get_any_name: {
    parameters: [
      "pointer", // const ov_output_const_port_t* port
      "buffer", // char** tensor_name
    ],
    result: "i32",
  },
  ov_port_get_element_type: {
    parameters: [
      "pointer", // const ov_output_const_port_t* port
      "buffer", // ov_element_type_e* tensor_type
    ],
    result: "i32",
  },
  ov_port_get_partial_shape: {
    parameters: [
      "pointer", // const ov_output_const_port_t* port
      "buffer", // ov_partial_shape_t* partial_shape
    ],
    result: "i32",
  },
  ov_output_const_port_free: {
    parameters: [
      "pointer", // ov_output_const_port_t* port
    ],
    result: "void",
  },
  // ov_partial_shape.h, ov_shape.h
  ov_partial_shape_free: {
    parameters: [
      "buffer", // ov_partial_shape_t* partial_shape
    ],
    result: "void",
  },
  ov_shape_free: {
    parameters: [
      "buffer", // ov_shape_t* shape
    ],
    result: "i32",
  },
  // ov_compiled_model.h
  ov_compiled_model_free: {
    parameters: [
      "pointer", // ov_compiled_model_t* compiled_model
    ],
    result: "void",
  },
  ov_compiled_model_free_async: {
    name: "ov_compiled_model_free",
    parameters: [
      "pointer", // ov_compiled_model_t* compiled_model
    ],
    result: "void",
    nonblocking: true,
  },
  ov_compiled_model_get_property: {
    parameters: [
      "pointer", // const ov_compiled_model_t* compiled_model
      "buffer", // const char* property_key
      "buffer", // char** property_value
    ],
    result: "i32",
  },
  ov_compiled_model_create_infer_request: {
    parameters: [
      "pointer", // const ov_compiled_model_t* compiled_model
      "buffer", // ov_infer_request_t** infer_request
    ],
    result: "i32",
  },
  // ov_infer_request.h
  ov_infer_request_free: {
    parameters: [
      "pointer", // ov_infer_request_t* infer_request
    ],
    result: "void",
  },
  ov_infer_request_set_input_tensor_by_index: {
    parameters: [
      "pointer", // ov_infer_request_t* infer_request
      "usize", // const size_t idx
      "pointer", // const ov_tensor_t* tensor
    ],
    result: "i32",
  },
  ov_infer_request_get_output_tensor_by_index: {
    parameters: [
      "pointer", // const ov_infer_request_t* infer_request
      "usize", // const size_t idx
      "buffer", // ov_tensor_t** tensor
    ],
    result: "i32",
  },
  ov_infer_request_infer: {
    parameters: [
      "pointer", // ov_infer_request_t* infer_request
    ],
    result: "i32",
  },
  ov_infer_request_infer_async: {
    name: "ov_infer_request_infer",
    parameters: [
      "pointer", // ov_infer_request_t* infer_request
    ],
    result: "i32",
    nonblocking: true,
  },
  ov_infer_request_start_async: {
    parameters: [
      "pointer", // ov_infer_request_t* infer_request
    ],
    result: "i32",
  },
  ov_infer_request_wait: {
    parameters: [
      "pointer", // ov_infer_request_t* infer_request
    ],
    result: "i32",
  },
  ov_infer_request_wait_async: {
    name: "ov_infer_request_wait",
    parameters: [
      "pointer", // ov_infer_request_t* infer_request
    ],
    result: "i32",
    nonblocking: true,
  },
  // ov_tensor.h
  ov_tensor_create: {
    parameters: [
      "i32", // const ov_element_type_e type
      SHAPE, // const ov_shape_t shape
      "buffer", // ov_tensor_t** tensor
    ],
    result: "i32",
  },
  ov_tensor_create_from_host_ptr: {
    parameters: [
      "i32", // const ov_element_type_e type
      SHAPE, // const ov_shape_t shape
      "pointer", // void* host_ptr
      "buffer", // ov_tensor_t** tensor
    ],
    result: "i32",
  },
  ov_tensor_create_from_string_array: {
    parameters: [
      "buffer", // const char** string_array
      "usize", // const size_t array_size
      SHAPE, // const ov_shape_t shape
      "buffer", // ov_tensor_t** tensor
    ],
    result: "i32",
  },
  ov_tensor_get_shape: {
    parameters: [
      "pointer", // const ov_tensor_t* tensor
      "buffer", // ov_shape_t* shape
    ],
    result: "i32",
  },
  ov_tensor_get_byte_size: {
    parameters: [
      "pointer", // const ov_tensor_t* tensor
      "buffer", // size_t* byte_size
    ],
    result: "i32",
  },
  ov_tensor_data: {
    parameters: [
      "pointer", // const ov_tensor_t* tensor
      "buffer", // void** data
    ],
    result: "i32",
  },
  ov_tensor_free: {
    parameters: [
      "pointer", // ov_tensor_t* tensor
    ],
    result: "void",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** `ov_element_type_e` of 2026.4, where it was renumbered: `f32` was 5 before. */
export const ELEMENT_TYPE = {
  bool: 1,
  bf16: 2,
  f16: 3,
  f32: 4,
  f64: 5,
  i8: 7,
  i16: 8,
  i32: 9,
  i64: 10,
  u8: 16,
  u16: 17,
  u32: 18,
  u64: 19,
  string: 23,
} as const satisfies Readonly<Record<DType, number>>;

/** The values of `ov_status_e` that are told apart here. */
export const STATUS = {
  OK: 0,
  INVALID_C_PARAM: -14,
} as const;

/** The names of `ov_element_type_e`, by number, for sentences. */
export const ELEMENT_TYPE_NAMES: readonly string[] = (
  "dynamic boolean bf16 f16 f32 f64 i4 i8 i16 i32 i64 u1 u2 u3 u4 u6 u8 u16 u32 u64 nf4 f8e4m3 f8e5m2 string f4e2m1 " +
  "f8e8m0"
).split(" ");
