"""Logits of a Llama decoder with a PEFT adapter, in float64, by PEFT's own rules for adapter_config.json.

usage: peft-logits.py BASE ADAPTER < IDS
  BASE     folder with config.json and model.safetensors, as transformers writes them
  ADAPTER  folder with adapter_config.json and adapter_model.safetensors, as PEFT writes them
  IDS      a JSON list of token ids
Prints a JSON list with one list of logits for each position.

Stands for `PeftModel.from_pretrained(base, adapter)` and shares no code with the app. The rules are PEFT's: which modules
are targeted (check_target_module_exists in peft/tuners/tuners_utils.py), rank and alpha by pattern (get_pattern_key in
peft/utils/other.py), the scale (peft/tuners/lora/layer.py). As there, a tensor that no targeted module takes is an error,
and so is a targeted module without tensors. Needs Python 3.9, numpy and torch 1.13.
"""
import json
import math
import re
import struct
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F


def read_safetensors(path):
    raw = Path(path).read_bytes()
    size = struct.unpack('<Q', raw[:8])[0]
    header = json.loads(raw[8:8 + size])
    header.pop('__metadata__', None)
    tensors = {}
    for name, info in header.items():
        start, end = (8 + size + offset for offset in info['data_offsets'])
        data = raw[start:end]
        if info['dtype'] == 'BF16':
            values = (np.frombuffer(data, np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.frombuffer(data, {'F32': np.float32, 'F16': np.float16}[info['dtype']])
        tensors[name] = torch.from_numpy(values.astype(np.float64)).reshape(info['shape'])
    return tensors


def names(targets, path):
    if isinstance(targets, str):
        return re.fullmatch(targets, path) is not None
    return path in targets or any(path.endswith(f'.{target}') for target in targets)


def by_pattern(patterns, path, default):
    for key, value in (patterns or {}).items():
        if re.match(rf'(.*\.)?({key})$', path):
            return value
    return default


def changes(folder, linears):
    """scale * B @ A of each targeted linear, by its path."""
    config = json.loads(Path(folder, 'adapter_config.json').read_text())
    tensors = read_safetensors(Path(folder, 'adapter_model.safetensors'))
    deltas = {}
    for path in linears:
        if config.get('exclude_modules') and names(config['exclude_modules'], path):
            continue
        targets = config['target_modules']
        if not (targets == 'all-linear' or names(targets, path)):
            continue
        layers = config.get('layers_to_transform')
        if layers is not None and int(re.match(r'.*?\.[^.]*\.(\d+)\.', path)[1]) not in layers:
            continue
        rank = by_pattern(config.get('rank_pattern'), path, config['r'])
        alpha = by_pattern(config.get('alpha_pattern'), path, config['lora_alpha'])
        a, b = (tensors.pop(f'base_model.model.{path}.lora_{side}.weight') for side in 'AB')
        assert a.shape[0] == b.shape[1] == rank, (path, a.shape, b.shape, rank)
        deltas[path] = alpha / (math.sqrt(rank) if config.get('use_rslora') else rank) * (b @ a)
    assert not tensors, f'left over: {sorted(tensors)[:3]}'
    return deltas


def logits(base, adapter, ids):
    config = json.loads(Path(base, 'config.json').read_text())
    weights = read_safetensors(Path(base, 'model.safetensors'))
    layers, heads, groups, width = (
        config[key] for key in ('num_hidden_layers', 'num_attention_heads', 'num_key_value_heads', 'head_dim'))
    linears = [name[:-len('.weight')] for name in weights if name.endswith('_proj.weight')]
    for path, delta in changes(adapter, linears).items():
        weights[f'{path}.weight'] = weights[f'{path}.weight'] + delta

    def norm(x, name):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + config['rms_norm_eps']) * weights[f'{name}.weight']

    time = len(ids)
    powers = torch.arange(0, width, 2, dtype=torch.float64) / width
    angle = torch.arange(time, dtype=torch.float64)[:, None] * config['rope_theta'] ** -powers
    cos, sin = (f(torch.cat([angle, angle], -1)) for f in (torch.cos, torch.sin))

    def rotate(x):
        half = width // 2
        return x * cos + torch.cat([-x[..., half:], x[..., :half]], -1) * sin

    mask = torch.full((time, time), -math.inf, dtype=torch.float64).triu(1)
    x = weights['model.embed_tokens.weight'][torch.tensor(ids)]
    for layer in range(layers):
        path = f'model.layers.{layer}'
        project = lambda h, module: F.linear(h, weights[f'{path}.{module}_proj.weight'])
        h = norm(x, f'{path}.input_layernorm')
        q, k, v = (project(h, f'self_attn.{part}').view(time, -1, width).transpose(0, 1) for part in 'qkv')
        q, k = rotate(q), rotate(k)
        k, v = (part.repeat_interleave(heads // groups, 0) for part in (k, v))
        mixed = (q @ k.transpose(-1, -2) / math.sqrt(width) + mask).softmax(-1) @ v
        x = x + project(mixed.transpose(0, 1).reshape(time, -1), 'self_attn.o')
        h = norm(x, f'{path}.post_attention_layernorm')
        x = x + project(F.silu(project(h, 'mlp.gate')) * project(h, 'mlp.up'), 'mlp.down')
    return F.linear(norm(x, 'model.norm'), weights.get('lm_head.weight', weights['model.embed_tokens.weight']))


if __name__ == '__main__':
    print(json.dumps(logits(*sys.argv[1:3], json.load(sys.stdin)).tolist()))
