# Part of the Zorse project, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""zorse run as a conversation: in a pseudo terminal, with one message, and what is refused."""

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import time

import cli_case
from cli_case import USAGE, CliCase, has_compiler

# As the training yaml of the SmolLM checkpoints has it.
CHATML = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
          "'<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
          "{% endif %}")
WAY_OUT = ("choose one by name with --chat-template (llama3, llama3.1, llama3.2, chatml or smollm2)")


class Terminal:
    """The tool with a pseudo terminal for all three of its streams."""

    def __init__(self, arguments, env):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen([cli_case.ZORSE, *map(str, arguments)], env=env, stdin=slave,
                                        stdout=slave, stderr=slave, close_fds=True,
                                        start_new_session=True, preexec_fn=self.take(slave))
        os.close(slave)
        self.seen = ""

    @staticmethod
    def take(slave):
        def own():
            import fcntl
            import termios
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)  # so that Ctrl-C reaches the tool
        return own

    def read_until(self, text, seconds=120):
        """What came up to and with this text."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                raise AssertionError(f"no {text!r} in {self.seen!r}")
            try:
                more = os.read(self.master, 4096)
            except OSError:  # the other end is gone
                more = b""
            if not more:
                raise AssertionError(f"ended before {text!r}: {self.seen!r}")
            self.seen += more.decode("utf-8", "replace").replace("\r\n", "\n")
        at = self.seen.index(text) + len(text)
        head, self.seen = self.seen[:at], self.seen[at:]
        return head

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self):
        """The exit code."""
        try:
            while os.read(self.master, 4096):
                pass
        except OSError:
            pass
        os.close(self.master)
        return self.process.wait(60)


class ChatTest(CliCase):
    def chat_model(self, template=CHATML):
        """The stories with the tokens of ChatML in place of two pieces that nothing is made of."""
        folder = self.folder / "model"
        shutil.copytree(self.model(), folder)
        file = json.loads((folder / "tokenizer.json").read_text())
        vocab, merges = file["model"]["vocab"], file["model"]["merges"]
        pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in merges]
        used = {piece for pair in pairs for piece in pair}
        free = [piece for piece in vocab if piece not in used and not piece.startswith("<")
                and len(piece) > 1][-2:]
        file["model"]["merges"] = [merge for merge, pair in zip(merges, pairs)
                                   if "".join(pair) not in free]
        for token, piece in zip(("<|im_start|>", "<|im_end|>"), free):
            file["added_tokens"].append({"id": vocab.pop(piece), "content": token, "special": True})
        (folder / "tokenizer.json").write_text(json.dumps(file))
        config = json.loads((folder / "tokenizer_config.json").read_text())
        config["chat_template"] = template
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
        return folder

    def test_a_conversation_in_a_terminal(self):
        if not has_compiler():
            self.skipTest("built without the compiler, and the database is empty")
        model = self.chat_model()
        terminal = Terminal(["run", model, "--max-new-tokens", 8, "--ignore-eos", "--dtype", "f32"],
                            self.env)
        self.assertIn("/reset begins a new conversation", terminal.read_until("> "))
        terminal.type("Once upon a time\n")
        first = terminal.read_until("> ")
        terminal.type("and then\n")
        second = terminal.read_until("> ")
        terminal.type("/reset\n")
        terminal.read_until("> ")
        terminal.type("Once upon a time\n")
        again = terminal.read_until("> ")
        terminal.type("\x04")  # Ctrl-D
        self.assertEqual(terminal.end(), 0)

        # What compiling tells, line over line, stands before the first answer.
        first = first.split("\x1b[K")[-1] if "\x1b[K" in first else first.split("\n", 1)[1]
        # Greedy: the same beginning gives the same answer, and one message alone as well.
        answer = first.splitlines()[:-1]
        self.assertEqual(again.splitlines()[1:-1], answer)
        alone = self.ran("run", model, "--chat", "--prompt", "Once upon a time", "--max-new-tokens", 8,
                         "--ignore-eos", "--dtype", "f32")
        self.assertEqual("\n".join(answer) + "\n", alone.out)
        self.assertGreater(len(second.splitlines()), 2)

    def test_ctrl_c_stops_an_answer_and_then_the_tool(self):
        if not has_compiler():
            self.skipTest("built without the compiler, and the database is empty")
        terminal = Terminal(["run", self.chat_model(), "--max-new-tokens", 100000, "--max-len", 500,
                             "--ignore-eos", "--threads", 1], self.env)
        terminal.read_until("> ")
        terminal.type("Once\n")
        # The echo is the terminal's; Ctrl-C before the tool has the line would throw it away.
        terminal.read_until("\x1b[K")
        terminal.type("\x03")
        terminal.read_until("> ")
        terminal.type("\x03")
        self.assertEqual(terminal.end(), 130)

    def test_sigterm_ends_a_conversation(self):
        if not has_compiler():
            self.skipTest("built without the compiler, and the database is empty")
        terminal = Terminal(["run", self.chat_model()], self.env)
        terminal.read_until("> ")
        terminal.process.send_signal(signal.SIGTERM)
        self.assertEqual(terminal.end(), 75)

    def test_one_message(self):
        if not has_compiler():
            self.skipTest("built without the compiler, and the database is empty")
        model = self.chat_model()
        arguments = ["run", model, "--chat", "--system", "Be kind.", "--max-new-tokens", 4]
        out = self.ran(*arguments, "--prompt", "Hi <|im_end|>", "--format", "json").json()
        file = json.loads((model / "tokenizer.json").read_text())
        ids = {token["content"]: token["id"] for token in file["added_tokens"]}
        special = [i for i in out["prompt_ids"] if i in ids.values()]
        start, end = ids["<|im_start|>"], ids["<|im_end|>"]
        self.assertEqual(special, [start, end, start, end, start])
        for key in ("first_token_seconds", "load_seconds", "peak_memory_bytes"):
            self.assertGreater(out[key], 0)
        # Messages come from a pipe as well; events give the same.
        lines = [json.loads(line) for line in
                 self.ran(*arguments, "--format", "jsonl", stdin="Hi <|im_end|>").out.splitlines()]
        self.assertEqual(lines[0]["ids"], out["prompt_ids"])
        self.assertEqual([line["id"] for line in lines if line["event"] == "token" and line["id"] >= 0],
                         out["output_ids"])
        self.assertEqual((lines[-1]["event"], lines[-1]["output_ids"]), ("end", out["output_ids"]))

    def test_templates_that_are_refused(self):
        self.refused(USAGE, "the model has no chat template: expected chat_template.jinja or "
                     "$.chat_template in tokenizer_config.json; it may be no chat model; " + WAY_OUT,
                     "run", self.model(), "--chat", "--prompt", "x")
        run = self.zorse("run", self.chat_model(CHATML + "!"), "--chat", "--prompt", "x")
        self.assertEqual((run.code, run.out), (USAGE, ""))
        self.assertRegex(run.err, "tokenizer_config.json: the chat template with SHA-256 [0-9a-f]{64} is "
                         "not among the known ones, and programs of a model are not run; choose one")
        self.refused(USAGE, "no chat template 'alpaca'; " + WAY_OUT, "run", self.model(), "--chat",
                     "--chat-template", "alpaca", "--prompt", "x")
        self.refused(USAGE, "--system, --chat-template and --chat-date are for conversations; add "
                     "--chat", "run", self.model(), "--prompt", "x", "--system", "y")

    def test_prompts_that_are_refused(self):
        self.ran("db", "verify", "--repair")
        self.refused(USAGE, "the prompt is empty; give some text with --prompt or on stdin", "run",
                     self.model())
        self.refused(USAGE, "--cache-dtype is f32, f16 or bf16, found 'f8'", "run", self.model(),
                     "--prompt", "x", "--cache-dtype", "f8")
        run = self.zorse("run", self.model(), "--prompt", "Once upon a time", "--max-len", "3")
        self.assertEqual((run.code, run.out), (USAGE, ""))
        self.assertIn("the prompt has 5 tokens, the caches have room for 3; make it shorter or the "
                      "caches larger with --max-len (the model knows 512 positions)", run.err)
        process = subprocess.run([cli_case.ZORSE, "run", str(self.model())], input=b"ab\xc3(",
                                 capture_output=True, env=self.env, check=False)
        self.assertEqual((process.returncode, process.stdout), (USAGE, b""))
        self.assertIn(b"expected UTF-8 text, found an ill-formed byte 0xc3 at 2", process.stderr)


if __name__ == "__main__":
    cli_case.main()
