// Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// node oracle.js byte-level.json ../../golden/zebra-stories-260k/tokenizer.json > golden.json
//
// Ids by Hugging Face's own tokenizers (npm @anush008/tokenizers 0.6.0) for the vocabularies as they are and for
// variants of their parts. No test needs node: the ids are kept.
const fs = require('fs');
const {Tokenizer} = require('@anush008/tokenizers');

const byteLevel = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const stories = JSON.parse(fs.readFileSync(process.argv[3], 'utf8'));
const copy = (value, change) => Object.assign(JSON.parse(JSON.stringify(value)), change);
const gpt2 = {type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true};
const metaspace = (scheme, split) => ({type: 'Metaspace', replacement: '\u2581', prepend_scheme: scheme, split});
const variants = {
  byte_level: ['byte-level', {}],
  digits: ['byte-level', {pre_tokenizer: {type: 'Sequence', pretokenizers: [
    {type: 'Digits', individual_digits: true}, gpt2]}}],
  prefix_space: ['byte-level', {pre_tokenizer: {...gpt2, add_prefix_space: true}}],
  stories: ['stories', {}],
  first: ['stories', {normalizer: null, pre_tokenizer: metaspace('first', false)}],
  always_split: ['stories', {normalizer: null, pre_tokenizer: metaspace('always', true), decoder: {
    type: 'Sequence', decoders: [{type: 'ByteFallback'}, metaspace('always', true), {type: 'Fuse'}]}}],
  never: ['stories', {normalizer: null, pre_tokenizer: metaspace('never', false)}],
};
const texts = [
  '', ' ', '  ', '\n', ' \n \n', '\t\tx', 'a', ' a', 'Hello, world!', "I'LL don't we'Re 'S 'D x's 'T", "it'\u017f",
  '12345678 3.14 1,000', 'x1y22z333w4444', 'foo_bar __init__ fooBar HTTPServer', '   leading', 'trailing   ',
  'a  b   c    d', 'line\n\n\nline\r\n\r\n  end', ' unreachable unreachable', '!?!? -> => :: // /* */ {}[]()',
  'Gr\u00f6\u00dfe na\u00efve caf\u00e9 cafe\u0301', '\u4f60\u597d\u4e16\u754c\u3002\u3053\u3093\u306b\u3061\u306f',
  '\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd \u202b\u202c', '\u0928\u092e\u0938\u094d\u0924\u0947 \u0e44\u0e17\u0e22',
  '\ud83d\udc69\u200d\ud83d\udc69\u200d\ud83d\udc67\u200d\ud83d\udc66 \ud83c\udde9\ud83c\uddea \ud83d\udc4d\ud83c\udffd',
  '\u00a0\u1680\u180e\u2028\u2029\u202f\u205f\u3000\u0085\u200b\u2060\ufeff', 'a\u180eb \u180e c', 'nul\u0000nul \u001b[0m',
  '\u00bd\u00b2\u2167\u0661\u0662\u0663\u2460', '\ud835\udd38\ud835\udd39 \ud842\udfb7', '\u2581\u2581 \u2581x', '\u0120\u010a \u0120',
  '\ufffd\uffff\ue000', 'Once upon a time, there was a little girl named Lily.', 'The kernels of the model',
];
(async () => {
  const out = {texts, ids: {}, decoded: {}};
  for (const [name, [base, change]] of Object.entries(variants)) {
    const tokenizer = Tokenizer.fromString(JSON.stringify(copy(base === 'stories' ? stories : byteLevel, change)));
    out.ids[name] = [];
    out.decoded[name] = [];
    for (const text of texts) {
      const ids = Array.from((await tokenizer.encode(text, null, {addSpecialTokens: false})).getIds());
      out.ids[name].push(ids);
      out.decoded[name].push(await tokenizer.decode(ids, true));
    }
  }
  const parts = Object.fromEntries(Object.entries(variants).map(([name, [base, change]]) => [name, {base, change}]));
  console.log(JSON.stringify({parts, ...out}).replace(/[\u007f-\uffff]/g,
    c => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0')));
})();
