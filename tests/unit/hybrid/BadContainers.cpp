//===- BadContainers.cpp - broken safetensors -----------------------------===//
//
// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
#include "BadFile.h"

#include <sys/stat.h>
#include <unistd.h>

namespace zorse {

namespace {

constexpr const char *model = "zebra-stories-260k";
constexpr const char *weights = "model.safetensors";
const std::string indexFile = "model.safetensors.index.json";

std::string tensor(const std::string &dtype, const std::string &shape, const std::string &offsets) {
  return R"({"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

const std::string two = tensor(R"("F32")", "[2]", "[0,8]");

std::string nested(size_t depth) {
  std::string text;
  for (size_t i = 0; i < depth; ++i)
    text += R"({"a":)";
  return text + "1" + std::string(depth, '}');
}

/// A file with this header and eight bytes of data.
BadFile header(const std::string &name, const std::string &text, const std::string &message) {
  return {name, model, [text](const ScratchFolder &dir) { dir.writeTensors(weights, text, 8); },
          "DIR/model.safetensors: " + message};
}

/// A header with one tensor "a".
BadFile single(const std::string &name, const std::string &tensorText, const std::string &message) {
  return header(name, R"({"a":)" + tensorText + "}", "tensor \"a\": " + message);
}

BadFile raw(const std::string &name, const std::string &bytes, const std::string &message) {
  return {name, model, [bytes](const ScratchFolder &dir) { dir.write(weights, bytes); },
          "DIR/model.safetensors: " + message};
}

/// A folder with an index instead of the single file, and one shard that holds "a".
BadFile index(const std::string &name, const std::string &text, const std::string &message) {
  return {name, model,
          [text](const ScratchFolder &dir) {
            dir.remove(weights);
            dir.write(indexFile, text);
            dir.writeTensors("one.safetensors", R"({"a":)" + two + "}", 8);
            dir.writeTensors("two.safetensors", R"({"b":)" + two + "}", 8);
          },
          message};
}

BadFile pickle(const std::string &file) {
  return {"pickle_" + file.substr(file.rfind('.') + 1), model,
          [file](const ScratchFolder &dir) {
            dir.remove(weights);
            dir.write(file, "\x80\x02}q");
          },
          "DIR/" + file +
              ": a pickle can run code when it is read and is never opened; convert it where it is "
              "trusted: safetensors.torch.save_file(torch.load(\"" +
              file + "\", weights_only=True), \"model.safetensors\")"};
}

const std::string unsafe = "model.safetensors.index.json: $.weight_map: tensor \"a\": expected the "
                           "name of a .safetensors file inside the folder";

} // namespace

std::vector<BadFile> badContainers() {
  std::string crowd = "{";
  for (int i = 0; i < 70'000; ++i)
    crowd += (i ? ",\"" : "\"") + std::to_string(i) + "\":{}";
  crowd += "}";
  const std::string longName(1'025, 'n');
  return {
      raw("empty_file", "", "0 bytes are too few for a safetensors file"),
      raw("seven_bytes", std::string(7, 'x'), "7 bytes are too few for a safetensors file"),
      raw("zero_header", std::string(16, '\0'), "expected the header to begin with '{'"),
      raw("header_length_all_ones", std::string(16, '\xFF'),
          "a header of 18446744073709551615 bytes exceeds the limit of 16777216"),
      raw("header_length_two_to_63", littleEndian(1ull << 63) + "{}",
          "a header of 9223372036854775808 bytes exceeds the limit of 16777216"),
      raw("header_length_17_mib", littleEndian(17u << 20) + "{}",
          "a header of 17825792 bytes exceeds the limit of 16777216"),
      raw("header_length_past_end", littleEndian(100) + "{}",
          "the header claims 100 bytes, but only 2 follow; the file is truncated or no safetensors "
          "file"),
      {"header_of_100_mb", model,
       [](const ScratchFolder &dir) {
         dir.write(weights, littleEndian(100'000'001) + "{");
         if (::truncate(dir.path(weights).c_str(), 100'000'100) != 0)
           std::abort();
       },
       "DIR/model.safetensors: a header of 100000001 bytes exceeds the limit of 16777216"},
      {"truncated_data", model,
       [](const ScratchFolder &dir) {
         const std::string bytes = dir.read(weights);
         dir.write(weights, bytes.substr(0, bytes.size() - 1));
       },
       "DIR/model.safetensors: tensor \"model.norm.weight\": data_offsets end at 1201600, but the "
       "file has 1201599 bytes of data"},
      {"truncated_header", model,
       [](const ScratchFolder &dir) { dir.write(weights, dir.read(weights).substr(0, 1'000)); },
       "DIR/model.safetensors: the header claims 5928 bytes, but only 992 follow; the file is "
       "truncated or no safetensors file"},
      {"trailing_bytes", model,
       [](const ScratchFolder &dir) { dir.write(weights, dir.read(weights) + "more"); },
       "DIR/model.safetensors: 4 bytes after the last tensor belong to none"},
      header("leading_space", " {\"a\":" + two + "}", "expected the header to begin with '{'"),
      header("array_header", "[1]", "expected the header to begin with '{'"),
      header("cut_json", "{\"a\":", "header: not valid JSON: unexpected end of text at byte 6"),
      header("garbage_after_json", "{}x", "header: not valid JSON: unexpected \"x\" at byte 3"),
      header("duplicate_tensor", "{\"a\":" + two + ",\"a\":" + two + "}",
             "header: $.a: duplicate key"),
      header("duplicate_field", R"({"a":{"dtype":"F32","dtype":"F32"}})",
             "header: $.a.dtype: duplicate key"),
      header("depth_100000", R"({"a":)" + std::string(100'000, '['),
             "header: expected at most 4 levels of nesting, found more"),
      header("ill_formed_utf8", "{\"\xFF\":1}",
             "header: not valid JSON: unexpected \"\xEF\xBF\xBD\" at byte 3"),
      header("lone_surrogate", R"({"\ud800":1})",
             R"(header: not valid JSON: unexpected "\"" at byte 9)"),
      single("f64", tensor(R"("F64")", "[1]", "[0,8]"),
             "dtype F64 is not supported; expected F32, BF16 or F16"),
      single("i64", tensor(R"("I64")", "[1]", "[0,8]"),
             "dtype I64 is not supported; expected F32, BF16 or F16"),
      single("f8", tensor(R"("F8_E4M3")", "[8]", "[0,8]"),
             "dtype F8_E4M3 is not supported; expected F32, BF16 or F16"),
      single("dtype_number", tensor("4", "[2]", "[0,8]"), "expected dtype to be a string"),
      single("missing_shape", R"({"dtype":"F32","data_offsets":[0,8]})",
             "expected exactly the fields dtype, shape and data_offsets"),
      single("extra_field", R"({"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1})",
             "expected exactly the fields dtype, shape and data_offsets"),
      single("not_an_object", "7", "expected exactly the fields dtype, shape and data_offsets"),
      single("shape_text", tensor(R"("F32")", "\"2\"", "[0,8]"),
             "expected shape to be a list of at most 8 sizes"),
      single("rank_9", tensor(R"("F32")", "[1,1,1,1,1,1,1,1,2]", "[0,8]"),
             "expected shape to be a list of at most 8 sizes"),
      single("negative_size", tensor(R"("F32")", "[-2]", "[0,8]"),
             "expected every size of shape to be an integer in [0, 2^63)"),
      single("fractional_size", tensor(R"("F32")", "[1.5]", "[0,8]"),
             "expected every size of shape to be an integer in [0, 2^63)"),
      single("size_1e30", tensor(R"("F32")", "[1e30]", "[0,8]"),
             "expected every size of shape to be an integer in [0, 2^63)"),
      single("size_two_to_63", tensor(R"("F32")", "[9223372036854775808]", "[0,8]"),
             "expected every size of shape to be an integer in [0, 2^63)"),
      single("product_overflow", tensor(R"("F32")", "[4294967296,4294967296]", "[0,8]"),
             "the size of the shape in bytes overflows 64 bits"),
      single("bytes_overflow", tensor(R"("F32")", "[4611686018427387904]", "[0,0]"),
             "the size of the shape in bytes overflows 64 bits"),
      single("reversed_offsets", tensor(R"("F32")", "[2]", "[8,0]"),
             "data_offsets [8, 0] are reversed"),
      single("offsets_past_end", tensor(R"("F32")", "[4]", "[0,16]"),
             "data_offsets end at 16, but the file has 8 bytes of data"),
      single("negative_offset", tensor(R"("F32")", "[2]", "[-8,0]"),
             "expected data_offsets to be two integers [begin, end]"),
      single("three_offsets", tensor(R"("F32")", "[2]", "[0,4,8]"),
             "expected data_offsets to be two integers [begin, end]"),
      single("span_mismatch", tensor(R"("F32")", "[1]", "[0,8]"),
             "data_offsets span 8 bytes, but dtype and shape need 4"),
      header("not_from_zero", R"({"a":)" + tensor(R"("F32")", "[1]", "[4,8]") + "}",
             "tensor \"a\" begins at 4, but the one before it ends at 0: a hole"),
      header("hole",
             R"({"a":)" + tensor(R"("F16")", "[1]", "[0,2]") + R"(,"b":)" +
                 tensor(R"("F32")", "[1]", "[4,8]") + "}",
             "tensor \"b\" begins at 4, but the one before it ends at 2: a hole"),
      header("overlap",
             R"({"a":)" + tensor(R"("F32")", "[2]", "[0,8]") + R"(,"b":)" +
                 tensor(R"("F32")", "[1]", "[4,8]") + "}",
             "tensor \"b\" begins at 4, but the one before it ends at 8: an overlap"),
      header("metadata_list", R"({"__metadata__":[],"a":)" + two + "}",
             "expected __metadata__ to map strings to strings"),
      header("metadata_number", R"({"__metadata__":{"x":1},"a":)" + two + "}",
             "expected __metadata__ to map strings to strings"),
      header("name_of_1025_bytes", "{\"" + longName + "\":" + two + "}",
             "a tensor name of 1025 bytes exceeds the limit of 1024"),
      header("crowd_of_70000_tensors", crowd, "more than 65536 tensors"),
      raw("zip_pickle", "PK\x03\x04 archive/data.pkl",
          "this is a pickle, which can run code when it is read; convert it to safetensors"),
      raw("plain_pickle", "\x80\x02}q then",
          "this is a pickle, which can run code when it is read; convert it to safetensors"),
      raw("lfs_pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
          "this is a Git LFS pointer; fetch the file itself with git lfs pull"),
      {"folder_as_file", model,
       [](const ScratchFolder &dir) {
         dir.remove(weights);
         std::filesystem::create_directory(dir.path(weights));
       },
       "DIR/model.safetensors: expected a regular file"},
      {"fifo_as_file", model,
       [](const ScratchFolder &dir) {
         dir.remove(weights);
         if (::mkfifo(dir.path(weights).c_str(), 0600) != 0)
           std::abort();
       },
       "DIR/model.safetensors: expected a regular file"},
      {"no_weights", model, [](const ScratchFolder &dir) { dir.remove(weights); },
       "DIR: no weights: expected model.safetensors or model.safetensors.index.json"},
      pickle("pytorch_model.bin"),
      pickle("model.pt"),
      pickle("model.pth"),
      pickle("last.ckpt"),
      index("index_leads_out", R"({"weight_map":{"a":"../one.safetensors"}})", unsafe),
      index("index_leads_out_inside", R"({"weight_map":{"a":"x/../../one.safetensors"}})", unsafe),
      index("index_absolute", R"({"weight_map":{"a":"/etc/one.safetensors"}})", unsafe),
      index("index_nul", R"({"weight_map":{"a":"one\u0000.safetensors"}})", unsafe),
      index("index_backslash", R"({"weight_map":{"a":"..\\one.safetensors"}})", unsafe),
      index("index_names_pickle", R"({"weight_map":{"a":"pytorch_model-1.bin"}})", unsafe),
      index("index_number", R"({"weight_map":{"a":1}})", unsafe),
      index("index_without_map", R"({"metadata":{}})",
            "model.safetensors.index.json: $.weight_map: expected an object of tensor names to "
            "file names"),
      index("index_empty_map", R"({"weight_map":{}})",
            "model.safetensors.index.json: $.weight_map: expected an object of tensor names to "
            "file names"),
      index("index_deep", nested(100'000).substr(0, 900'000),
            "model.safetensors.index.json: expected at most 64 levels of nesting, found more"),
      index("index_missing_shard", R"({"weight_map":{"a":"three.safetensors"}})",
            "DIR/three.safetensors: cannot open: No such file or directory"),
      index("index_wrong_shard", R"({"weight_map":{"a":"two.safetensors"}})",
            "model.safetensors.index.json: $.weight_map: tensor \"b\" is in two.safetensors but "
            "not listed so"),
      index("index_tensor_nowhere",
            R"({"weight_map":{"a":"one.safetensors","c":"one.safetensors"}})",
            "model.safetensors.index.json: $.weight_map: tensor \"c\" is not in one.safetensors"),
  };
}

} // namespace zorse
