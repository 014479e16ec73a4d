"""What a recorded stream says, put together without the library."""

import json


def events_of(recording):
    """The decoded data of all events but the end marker."""
    blocks = recording.body.decode("utf-8").split("\n\n")
    lines = [line for block in blocks for line in block.split("\n") if line.startswith("data: ")]
    return [json.loads(line[6:]) for line in lines if line != "data: [DONE]"]


def chunks_of(recording):
    return [event for event in events_of(recording) if "error" not in event]


def texts_of(recording):
    """The text that each chunk adds to the first choice."""
    return [text_of(chunk) for chunk in chunks_of(recording)]


def text_of(chunk):
    return next((c["delta"].get("content") or "" for c in chunk["choices"] if c["index"] == 0), "")


def merged(recording):
    """The parts of the answer that a plain one would have."""
    found = {"finish_reason": None, "tool_calls": {}, "logprobs": []}
    for chunk in chunks_of(recording):
        for key in ("id", "model", "created", "system_fingerprint", "service_tier", "usage", "provider"):
            found[key] = chunk.get(key) or found.get(key)
        for choice in chunk["choices"]:
            found["finish_reason"] = choice.get("finish_reason") or found["finish_reason"]
            found["logprobs"] += (choice.get("logprobs") or {}).get("content") or []
            for fragment in choice["delta"].get("tool_calls") or []:
                call = found["tool_calls"].setdefault(fragment["index"], {"arguments": ""})
                function = fragment["function"]
                call.setdefault("id", fragment.get("id"))
                call.setdefault("name", function.get("name"))
                call["arguments"] += function.get("arguments") or ""
    found["text"] = "".join(texts_of(recording))
    return found
