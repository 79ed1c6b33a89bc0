"""Trains the example adapters of the nano model and writes static/adapters/<id>/ in PEFT's layout.

usage: train-example-adapters.py NAME --base DIR --data FILE --out DIR
  NAME   anatomy | finance
  --base folder with the base's model.safetensors, config.json and tokenizer.json (Hugging Face layout, F32)
  --data the glossary: one JSON object a line with prompt, response and term
  --out  the folder to write, e.g. static/adapters/anatomy
  --also another file of the same base's weights, such as the ONNX file that the app serves; its hash is noted too
  --keep trains nothing: evaluates the adapter that is there and writes openledger.json and README.md anew
  --stamp only notes the hashes of --base and --also in openledger.json: for when the app's file of the same weights is rebuilt

Needs Python 3.11, torch, numpy, regex. A few minutes on one CPU core with bfloat16 units.

Rows are divided by term into training, validation and held-out parts (80/10/10) before anything else. The settings below
and the epoch were chosen by the validation rows; the held-out rows serve only for the figures in the manifest, in float32
and with the adapter as stored (rounded to F16). The samples on the page ask for the first held-out terms in the split's
random order, whatever comes out; the examples are terms it was trained on, picked for showing a difference.
"""
import argparse
import hashlib
import json
import math
import struct
from pathlib import Path

import numpy as np
import regex
import torch
import torch.nn.functional as F

from example_rows import read_rows, split_rows

TARGETS = ['self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj', 'self_attn.o_proj',
           'mlp.gate_proj', 'mlp.up_proj', 'mlp.down_proj']
BATCH_TOKENS = 2048
SAMPLES = 6

RECIPES = {
    'anatomy': dict(
        title='Anatomy', rank=16, learning_rate=2e-3, max_epochs=5,
        description='Answers "What is …?" about the human body in the manner of an anatomy glossary.',
        datanet='Anatomy and Physiology 2e, definitions', licence='CC-BY-4.0',
        credit='OpenStax, *Anatomy and Physiology 2e* (https://openstax.org/details/books/anatomy-and-physiology-2e), CC BY 4.0. '
               'Its definitions were rewritten as questions and answers.',
        examples=['patella', 'tendon', 'trachea', 'sacrum']),
    'finance': dict(
        title='Finance', rank=16, learning_rate=2e-3, max_epochs=4,
        description='Answers "What is …?" about money and firms in the manner of a finance glossary.',
        datanet='Principles of Finance, definitions', licence='CC-BY-4.0',
        credit='OpenStax, *Principles of Finance* (https://openstax.org/details/books/principles-finance), CC BY 4.0. '
               'Its definitions were rewritten as questions and answers.',
        examples=['diversification', 'liquidity', 'call option', 'working capital']),
}


# --- data ---------------------------------------------------------------------------------------------------------------

class Tokenizer:
    """Byte-level BPE of tokenizer.json, and the ChatML template."""
    WORDS = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")

    def __init__(self, path):
        model = json.load(open(path, encoding='utf8'))['model']
        self.vocab, self.names = model['vocab'], {i: t for t, i in model['vocab'].items()}
        self.rank = {tuple(merge): i for i, merge in enumerate(model['merges'])}
        printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [b for b in range(256) if b not in printable]
        self.char = {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}
        self.byte = {c: b for b, c in self.char.items()}

    def encode(self, text):
        ids = []
        for word in self.WORDS.findall(text):
            parts = [self.char[b] for b in word.encode()]
            while len(parts) > 1:
                rank, i = min((self.rank.get(pair, 1 << 30), i) for i, pair in enumerate(zip(parts, parts[1:])))
                if rank == 1 << 30:
                    break
                parts[i:i + 2] = [parts[i] + parts[i + 1]]
            ids += [self.vocab[p] for p in parts]
        return ids

    def decode(self, ids):
        return bytes(self.byte[c] for i in ids for c in self.names[i]).decode('utf8', 'replace')

    def prompt(self, text):
        start, end = self.vocab['<|im_start|>'], self.vocab['<|im_end|>']
        return [start, *self.encode(f'user\n{text}'), end, *self.encode('\n'), start, *self.encode('assistant\n')]

    def example(self, row):
        """Ids of the whole exchange, and where the reply begins."""
        prompt = self.prompt(row['prompt'])
        return [*prompt, *self.encode(row['response']), self.vocab['<|im_end|>']], len(prompt)


def batches(examples, order):
    """Padded (ids, targets) of about BATCH_TOKENS; targets are -100 but on the reply."""
    batch, longest = [], 0
    for i in [*order, None]:
        size = len(examples[i][0]) if i is not None else 0
        if batch and (i is None or max(longest, size) * (len(batch) + 1) > BATCH_TOKENS):
            ids = torch.full((len(batch), longest), 3)
            targets = torch.full((len(batch), longest), -100)
            for row, (tokens, start) in enumerate(batch):
                ids[row, :len(tokens)] = torch.tensor(tokens)
                targets[row, start - 1:len(tokens) - 1] = torch.tensor(tokens[start:])
            yield ids, targets
            batch, longest = [], 0
        if i is not None:
            batch.append(examples[i])
            longest = max(longest, size)


# --- model --------------------------------------------------------------------------------------------------------------

NUMPY_TYPES = {'F32': np.float32, 'F16': np.float16}


def read_safetensors(path):
    raw = Path(path).read_bytes()
    size = struct.unpack('<Q', raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    header.pop('__metadata__', None)
    tensors = {}
    for name, tensor in header.items():
        start, end = (8 + size + offset for offset in tensor['data_offsets'])
        values = np.frombuffer(raw[start:end], dtype=NUMPY_TYPES[tensor['dtype']]).reshape(tensor['shape'])
        tensors[name] = torch.from_numpy(values.astype(np.float32))
    return tensors


class Nano:
    """The Llama decoder with LoRA on every linear of its layers; `dtype` is that of the matrix products."""

    def __init__(self, folder, rank, alpha):
        self.config = json.load(open(f'{folder}/config.json'))
        self.weights = read_safetensors(f'{folder}/model.safetensors')
        self.layers, self.heads, self.kv, self.width = (
            self.config[k] for k in ('num_hidden_layers', 'num_attention_heads', 'num_key_value_heads', 'head_dim'))
        self.scale, self.lora, self.enabled, self.cast = alpha / rank, {}, True, {}
        for layer in range(self.layers):
            for target in TARGETS:
                out, inner = self.weights[f'model.layers.{layer}.{target}.weight'].shape
                a = (torch.rand(rank, inner) * 2 - 1) / math.sqrt(inner)
                self.lora[f'model.layers.{layer}.{target}'] = (a.requires_grad_(), torch.zeros(out, rank, requires_grad=True))

    def linear(self, x, path):
        y = F.linear(x.to(self.dtype), self.frozen(f'{path}.weight'))
        if not self.enabled:
            return y
        a, b = (t.to(self.dtype) for t in self.lora[path])
        return y + F.linear(F.linear(x.to(self.dtype), a), b) * self.scale

    def frozen(self, name):
        if self.cast.get('dtype') != self.dtype:
            self.cast = {'dtype': self.dtype}
        if name not in self.cast:
            self.cast[name] = self.weights[name].to(self.dtype)
        return self.cast[name]

    def norm(self, x, name):
        x = x.float()
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.config['rms_norm_eps']) * self.weights[name]

    def rotate(self, x, start):
        half = self.width // 2
        angle = (torch.arange(start, start + x.shape[2])[:, None]
                 * self.config['rope_theta'] ** (-torch.arange(0, self.width, 2) / self.width))
        cos, sin = (f(torch.cat([angle, angle], -1)) for f in (torch.cos, torch.sin))
        x = x.float()
        return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin

    def __call__(self, ids, wanted, dtype, cache=None):
        """Logits [n, vocabulary] at the n positions where `wanted` [batch, time] is true. `cache` (a dict) is extended by `ids`."""
        self.dtype, past = dtype, cache[0][0].shape[2] if cache else 0
        batch, time = ids.shape
        mask = torch.full((time, past + time), -1e30).triu(1 + past)
        x = self.weights['model.embed_tokens.weight'][ids]
        for layer in range(self.layers):
            path = f'model.layers.{layer}'
            h = self.norm(x, f'{path}.input_layernorm.weight')
            q, k, v = (self.linear(h, f'{path}.self_attn.{p}_proj').view(batch, time, -1, self.width).transpose(1, 2) for p in 'qkv')
            q, k = self.rotate(q, past), self.rotate(k, past)
            if cache is not None:
                if past:
                    k, v = torch.cat([cache[layer][0], k], 2), torch.cat([cache[layer][1], v], 2)
                cache[layer] = (k, v)
            k, v = (t.repeat_interleave(self.heads // self.kv, 1).to(dtype) for t in (k, v))
            weights = ((q.to(dtype) @ k.transpose(-1, -2)).float() / math.sqrt(self.width) + mask).softmax(-1)
            mixed = (weights.to(dtype) @ v).transpose(1, 2).reshape(batch, time, -1)
            x = x + self.linear(mixed, f'{path}.self_attn.o_proj')
            h = self.norm(x, f'{path}.post_attention_layernorm.weight')
            gate, up = (self.linear(h, f'{path}.mlp.{p}_proj').float() for p in ('gate', 'up'))
            x = x + self.linear(F.silu(gate) * up, f'{path}.mlp.down_proj')
        return F.linear(self.norm(x[wanted], 'model.norm.weight').to(dtype), self.frozen('model.embed_tokens.weight')).float()


def total_loss(model, examples, dtype):
    """Mean negative log-likelihood (nats) of a reply token over all rows, end mark included; and the number of tokens."""
    total = count = 0
    order = sorted(range(len(examples)), key=lambda i: len(examples[i][0]))
    with torch.no_grad():
        for ids, targets in batches(examples, order):
            wanted = targets >= 0
            total += F.cross_entropy(model(ids, wanted, dtype), targets[wanted], reduction='sum').item()
            count += int(wanted.sum())
    return total / count, count


def answer(model, tokenizer, question, tokens=72, penalty=1.1):
    """Greedy with nano's own repetition penalty, float32."""
    ids, new, cache = tokenizer.prompt(question), [], {}
    def logits_after(part):
        return model(torch.tensor([part]), torch.arange(len(part))[None] == len(part) - 1, torch.float32, cache)[0]
    with torch.no_grad():
        logits = logits_after(ids)
        while len(new) < tokens:
            seen = torch.tensor(sorted({*ids, *new}))
            logits[seen] = torch.where(logits[seen] > 0, logits[seen] / penalty, logits[seen] * penalty)
            token = int(logits.argmax())
            if token in (0, 2):
                return tokenizer.decode(new)
            new.append(token)
            logits = logits_after([token])
    return tokenizer.decode(new) + ' …'


# --- training and writing -----------------------------------------------------------------------------------------------

def train(model, examples, validation, recipe):
    """AdamW, warm-up and cosine, bfloat16 products. Leaves the epoch that was best on the validation rows; returns its log."""
    parameters = [t for pair in model.lora.values() for t in pair]
    optimiser = torch.optim.AdamW(parameters, lr=recipe['learning_rate'], betas=(.9, .99), weight_decay=0.01)
    steps_per_epoch = len(list(batches(examples, range(len(examples)))))
    steps, step, log, best = steps_per_epoch * recipe['max_epochs'], 0, [], None
    for epoch in range(1, recipe['max_epochs'] + 1):
        for ids, targets in batches(examples, torch.randperm(len(examples)).tolist()):
            rate = recipe['learning_rate'] * min(1, (step + 1) / 20) * (.02 + .98 * .5 * (1 + math.cos(math.pi * min(1, step / steps))))
            for group in optimiser.param_groups:
                group['lr'] = rate
            wanted = targets >= 0
            loss = F.cross_entropy(model(ids, wanted, torch.bfloat16), targets[wanted])
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            step += 1
        log.append(round(total_loss(model, validation, torch.bfloat16)[0], 4))
        print(f'epoch {epoch}: train {loss.item():.3f}, validation {log[-1]:.4f}', flush=True)
        if log[-1] == min(log):
            best = [t.detach().clone() for t in parameters]
    with torch.no_grad():
        for parameter, value in zip(parameters, best):
            parameter.copy_(value)
    return log


def write_adapter(model, folder, recipe, base_id):
    """adapter_config.json and adapter_model.safetensors (F16) as PEFT reads them. Rounds the model's own A and B alike."""
    config = {
        'peft_type': 'LORA', 'task_type': 'CAUSAL_LM', 'base_model_name_or_path': base_id, 'r': recipe['rank'],
        'lora_alpha': 2 * recipe['rank'], 'lora_dropout': 0.0, 'bias': 'none', 'fan_in_fan_out': False, 'inference_mode': True,
        'use_rslora': False, 'use_dora': False, 'rank_pattern': {}, 'alpha_pattern': {}, 'modules_to_save': None,
        'target_modules': [t.split('.')[1] for t in TARGETS]}
    header, data = {'__metadata__': {'format': 'pt'}}, b''
    tensors = {f'base_model.model.{path}.lora_{side}.weight': t for path, pair in model.lora.items() for side, t in zip('AB', pair)}
    for name in sorted(tensors):
        raw = tensors[name].detach().half().numpy()
        tensors[name].data = torch.from_numpy(raw).float()
        header[name] = {'dtype': 'F16', 'shape': list(raw.shape), 'data_offsets': [len(data), len(data) + raw.nbytes]}
        data += raw.tobytes()
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / 'adapter_config.json', config)
    (folder / 'adapter_model.safetensors').write_bytes(struct.pack('<Q', len(text)) + text + data)


def load_adapter(model, folder):
    tensors = read_safetensors(folder / 'adapter_model.safetensors')
    for path, pair in model.lora.items():
        for side, parameter in zip('AB', pair):
            parameter.data = tensors[f'base_model.model.{path}.lora_{side}.weight']


def write_json(path, value):
    path.write_text(json.dumps(value, indent='\t', ensure_ascii=False) + '\n', encoding='utf8')


def sha256(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('name', choices=RECIPES)
    for option in ('--base', '--data', '--out'):
        parser.add_argument(option, required=True, type=Path)
    parser.add_argument('--also', type=Path, action='append', default=[])
    parser.add_argument('--keep', action='store_true')
    parser.add_argument('--stamp', action='store_true')
    parser.add_argument('--base-id', default='openledger/nano')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--threads', type=int, default=1)
    args = parser.parse_args()
    base_hashes = [sha256(path) for path in (args.base / 'model.safetensors', *args.also)]
    if args.stamp:
        manifest = json.loads((args.out / 'openledger.json').read_text(encoding='utf8'))
        manifest['base']['sha256'] = base_hashes
        return write_json(args.out / 'openledger.json', manifest)
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    recipe = RECIPES[args.name]

    tokenizer = Tokenizer(args.base / 'tokenizer.json')
    parts = split_rows(read_rows(args.data), args.seed)
    examples = {name: [tokenizer.example(row) for row in part] for name, part in parts.items()}
    asked = parts['held_out'][:SAMPLES] + [next(row for row in parts['train'] if row['term'] == t) for t in recipe['examples']]
    model = Nano(args.base, recipe['rank'], 2 * recipe['rank'])
    print({name: len(part) for name, part in parts.items()}, flush=True)

    if args.keep:
        epochs = json.loads((args.out / 'openledger.json').read_text())['hyperparameters']['epochs']
        load_adapter(model, args.out)
    else:
        log = train(model, examples['train'], examples['validation'], recipe)
        epochs = log.index(min(log)) + 1
        write_adapter(model, args.out, recipe, args.base_id)
    after, tokens = total_loss(model, examples['held_out'], torch.float32)
    replies = [answer(model, tokenizer, row['prompt']) for row in asked]
    model.enabled = False
    before, _ = total_loss(model, examples['held_out'], torch.float32)
    base_replies = [answer(model, tokenizer, row['prompt']) for row in asked]
    print(f'held out: {before:.4f} → {after:.4f}', flush=True)

    manifest = {
        'format': 'openledger-adapter/1',
        'name': recipe['title'],
        'description': recipe['description'],
        'licence': recipe['licence'],
        'examples': [row['prompt'] for row in asked[SAMPLES:]],
        'base': {'id': args.base_id, 'sha256': base_hashes},
        'files': {'adapter_config.json': sha256(args.out / 'adapter_config.json'),
                  'adapter_model.safetensors': sha256(args.out / 'adapter_model.safetensors')},
        'datanets': [{'name': recipe['datanet'], 'rows': len(parts['train']), 'licence': recipe['licence'],
                      'sha256': sha256(args.data)}],
        'hyperparameters': {
            'rank': recipe['rank'], 'alpha': 2 * recipe['rank'], 'learningRate': recipe['learning_rate'],
            'batchTokens': BATCH_TOKENS, 'epochs': epochs, 'seed': args.seed},
        'evaluation': {
            'metric': 'mean negative log-likelihood of a reply token, in nats', 'heldOutRows': len(parts['held_out']),
            'heldOutTokens': tokens, 'lossBefore': round(before, 4), 'lossAfter': round(after, 4)}}
    write_json(args.out / 'openledger.json', manifest)
    write_readme(args.out / 'README.md', recipe, manifest, zip(asked, base_replies, replies))


def write_readme(path, recipe, manifest, samples):
    cell = lambda text: text.strip().replace('\n', ' ').replace('|', '/')
    evaluation = manifest['evaluation']
    lines = [
        f'# {recipe["title"]}', '', recipe['description'], '',
        f'A rank-{recipe["rank"]} LoRA over `{manifest["base"]["id"]}`, written by `docs/recipes/train-example-adapters.py`, which also '
        'wrote this page.', 'The base has 7 million parameters: expect its manner, not its facts, to be right. It never saw these definitions, but '
        'it read the running text of the book.', '',
        f'Held-out loss ({evaluation["heldOutRows"]} rows never trained on, {evaluation["heldOutTokens"]} tokens; {evaluation["metric"]}): '
        f'{evaluation["lossBefore"]:.3f} for the base, **{evaluation["lossAfter"]:.3f}** with the adapter.', '',
        'Terms never trained on, not selected (greedy, repetition penalty 1.1, float32 base):', '',
        '| asked | base | with the adapter | the book |', '| --- | --- | --- | --- |']
    rows = ['| ' + ' | '.join(map(cell, (row['prompt'], base, reply, row['response']))) + ' |' for row, base, reply in samples]
    lines += [*rows[:SAMPLES], '', 'Picked among the terms it was trained on:', '', *lines[-2:], *rows[SAMPLES:]]
    lines += ['', '## Source and licence', '', recipe['credit'], f'The adapter is offered under the same licence ({recipe["licence"]}).']
    path.write_text('\n'.join(lines) + '\n', encoding='utf8')


if __name__ == '__main__':
    main()
