"""PyTorch's losses for bench/pretrain.bench.ts: nano continued on text, float32, the batches drawn as the benchmark draws them.

usage: python3 pretrain-reference.py FOLDER_OF_NANO SETTINGS.json OUT.json
FOLDER_OF_NANO holds config.json and model.safetensors (pretrain-weights.ts); SETTINGS.json is OUT.json of an earlier run: settings and token ids. Against the Hugging Face
definition of Llama, sharing nothing with the product's code.
"""
import json, math, struct, sys
import numpy as np, torch, torch.nn.functional as F

folder, text, out = sys.argv[1:4]
torch.set_num_threads(1)
cfg = json.load(open(f'{folder}/config.json'))
settings = json.load(open(text))
ids, opt = settings['ids'], settings['settings']
H, L, NH, KV = (cfg[k] for k in ('hidden_size', 'num_hidden_layers', 'num_attention_heads', 'num_key_value_heads'))
hd = cfg.get('head_dim', H // NH)


def load(path):
    raw = open(path, 'rb').read()
    n = struct.unpack('<Q', raw[:8])[0]
    head = json.loads(raw[8:8 + n])
    head.pop('__metadata__', None)
    at = lambda v: raw[8 + n + v['data_offsets'][0]:8 + n + v['data_offsets'][1]]
    return {k: torch.from_numpy(np.frombuffer(at(v), np.float32).reshape(v['shape']).copy()).requires_grad_() for k, v in head.items()}


W = load(f'{folder}/model.safetensors')
T = opt['length']
angle = torch.arange(T).float()[:, None] * cfg['rope_theta'] ** (-torch.arange(0, hd, 2).float() / hd)
cos, sin = torch.cat([angle, angle], -1).cos(), torch.cat([angle, angle], -1).sin()
mask = torch.full((T, T), -1e9).triu(1)


def norm(x, w):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + cfg['rms_norm_eps']) * w


def rope(x):
    return x * cos + torch.cat([-x[..., hd // 2:], x[..., :hd // 2]], -1) * sin


def forward(tokens):
    B = tokens.shape[0]
    x = W['model.embed_tokens.weight'][tokens]
    for l in range(L):
        w = lambda name: W[f'model.layers.{l}.{name}.weight']
        h = norm(x, w('input_layernorm'))
        split = lambda name, n: (h @ w(f'self_attn.{name}').T).view(B, T, n, hd).transpose(1, 2)
        q, k, v = rope(split('q_proj', NH)), rope(split('k_proj', KV)), split('v_proj', KV)
        k, v = (z.repeat_interleave(NH // KV, 1) for z in (k, v))
        a = (q @ k.transpose(-1, -2) / math.sqrt(hd) + mask).softmax(-1) @ v
        x = x + a.transpose(1, 2).reshape(B, T, -1) @ w('self_attn.o_proj').T
        h = norm(x, w('post_attention_layernorm'))
        x = x + (F.silu(h @ w('mlp.gate_proj').T) * (h @ w('mlp.up_proj').T)) @ w('mlp.down_proj').T
    return norm(x, W['model.norm.weight']) @ W['model.embed_tokens.weight'].T


flat = [p for p in W.values() if p.dim() > 1]
thin = [p for p in W.values() if p.dim() < 2]
adam = torch.optim.AdamW([{'params': flat, 'weight_decay': opt['decay']}, {'params': thin, 'weight_decay': 0}], lr=opt['rate'], betas=(0.9, 0.999), eps=1e-8)
losses = []
for step in range(opt['steps']):
    starts = [((step * opt['batch'] + row) * opt['stride']) % (len(ids) - T - 1) for row in range(opt['batch'])]
    rows = torch.tensor([ids[s:s + T + 1] for s in starts])
    for group in adam.param_groups:
        group['lr'] = opt['rate'] * min(1, (step + 1) / opt['warmup'])
    loss = F.cross_entropy(forward(rows[:, :-1]).reshape(-1, cfg['vocab_size']), rows[:, 1:].reshape(-1))
    adam.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(list(W.values()), opt['clip'])
    adam.step()
    losses.append(round(loss.item(), 5))
    if step % 10 == 0:
        print(step, losses[-1], flush=True)
json.dump({'settings': opt, 'ids': ids, 'losses': losses}, open(out, 'w'))
