"""Damages files: bytes, nested values, and the folder of a model."""

import json
import pickle
import random
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from trainables.parts.model.model_folder import WEIGHTS


def damaged(content: bytes, dice: random.Random, end: int | None = None) -> bytes:
    """Bytes changed, cut out, doubled or cut off at random places, in the first `end` of them."""
    changed, end = bytearray(content), end or len(content)
    for _ in range(dice.choice([1, 1, 1, 3, 20])):
        at = dice.randrange(max(1, min(end, len(changed))))
        match dice.randrange(5):
            case 0:
                changed[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                byte = changed[at] if changed else 0
                changed[at : at + 1] = bytes([byte ^ 1 << dice.randrange(8)])
            case 2:
                del changed[at : at + dice.randrange(1, 50)]
            case 3:
                changed[at:at] = changed[at : at + dice.randrange(1, 50)]
            case _:
                del changed[at:]
    return bytes(changed)


def retyped(tree: Any, dice: random.Random, odd: Any) -> Any:
    """A copy of nested values with one of them removed, renamed or replaced by `odd`."""
    tree = json.loads(json.dumps(tree))
    at = tree
    while True:
        key = dice.choice(list(at) if isinstance(at, dict) else range(len(at))) if at else None
        if key is None:
            return odd
        if isinstance(at[key], dict | list) and at[key] and dice.random() < 0.7:
            at = at[key]
            continue
        match dice.randrange(4):
            case 0:
                del at[key]
            case 1 if isinstance(at, dict):
                at[str(odd)[:30]] = at.pop(key)
            case _:
                at[key] = odd
        return tree


ODD_SIZES: list[Any] = [
    *(0, -1, 1, 2, 7, 64, 10**5, 10**9, 10**12, 2**63, 10**30, -(10**12)),
    *(1.5, "64", True, None, [], {}),
]
CODE = """import pathlib
pathlib.Path('MARKER').touch()
class Model: pass
class Config: pass
class Tokenizer: pass
"""
"""Creates a file when it is imported."""


class Payload:
    """Unpickling it creates a file."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("MARKER"),))


def damage_model(path: Path, how: str, dice: random.Random, odd: Any) -> None:
    """Damage the folder of a model in one of the ways in HARMS."""
    config, weights = path / "config.json", path / WEIGHTS
    header = int.from_bytes(weights.read_bytes()[:8], "little") + 8
    match how:
        case "config bytes":
            config.write_bytes(damaged(config.read_bytes(), dice))
        case "config values":
            config.write_text(json.dumps(retyped(json.loads(config.read_text()), dice, odd)))
        case "config sizes":
            tree = json.loads(config.read_text())
            names = [name for name, value in tree.items() if isinstance(value, int)]
            names += ["num_labels", "pruned_heads", "layer_types"]
            config.write_text(json.dumps({**tree, dice.choice(names): dice.choice(ODD_SIZES)}))
        case "head":
            tree = json.loads(config.read_text())
            tree["regimen"] = retyped(tree["regimen"], dice, dice.choice(ODD_SIZES))
            config.write_text(json.dumps(tree))
        case "weights header":
            weights.write_bytes(damaged(weights.read_bytes(), dice, header))
        case "weights bytes":
            weights.write_bytes(damaged(weights.read_bytes(), dice))
        case "weights values":
            tensors = load_file(weights)
            name = dice.choice(sorted(tensors))
            wrong = [
                tensors[name] * float("nan"),
                tensors[name] * 1e38,
                tensors[name].int(),
                tensors[name].half(),
                tensors[name][:1].clone(),
            ]
            wrong += [torch.zeros(0), tensors[name].to(torch.complex64)]
            save_file(tensors | {name: dice.choice(wrong)}, weights)
        case "tokenizer":
            file = dice.choice([item for item in path.iterdir() if "token" in item.name])
            file.write_bytes(damaged(file.read_bytes(), dice))
        case "tokenizer values":
            file = dice.choice([item for item in path.iterdir() if "token" in item.name])
            value = dice.choice([odd, *ODD_SIZES])
            file.write_text(json.dumps(retyped(json.loads(file.read_text()), dice, value)))
        case "missing":
            dice.choice([item for item in path.rglob("*") if item.is_file()]).unlink()
        case "pickle":
            weights.unlink()
            file = path / dice.choice([WEIGHTS, "pytorch_model.bin", "model.bin"])
            file.write_bytes(pickle.dumps(Payload()))
        case "code":
            (path / "evil.py").write_text(CODE)
            auto = {"AutoConfig": "evil.Config", "AutoModel": "evil.Model"}
            auto_map = {**auto, "AutoTokenizer": ["evil.Tokenizer", "evil.Tokenizer"]}
            file = dice.choice([config, path / "tokenizer_config.json"])
            key = dice.choice(["x", "model_type", "tokenizer_class"])
            change = {"auto_map": auto_map, key: "evil"}
            file.write_text(json.dumps(json.loads(file.read_text()) | change))
        case "kernel":
            key = dice.choice(
                [
                    "_attn_implementation",
                    "attn_implementation",
                    "_attn_implementation_internal",
                    "quantization_config",
                ]
            )
            change = {key: dice.choice(["evil/code", "flash_attention_2", {"x": 1}])}
            config.write_text(json.dumps(json.loads(config.read_text()) | change))


HARMS = [
    *("config bytes", "config values", "config sizes", "config sizes", "head"),
    *("weights header", "weights bytes", "weights values"),
    *("tokenizer", "tokenizer values", "missing", "pickle", "code", "kernel"),
]
