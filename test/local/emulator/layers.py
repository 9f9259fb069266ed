"""Image layers that outlive the emulator.

AWS: a registry keeps the layers of earlier pushes, so a push of an image whose base has not changed sends a few small
layers. The emulated registry starts empty each time, and then Docker compresses and sends the whole base again, which
takes longer than everything else. With SLIPWAY_LAYERS set to a folder, big layers are kept there, and a registry that
is asked whether it has one of them does.
"""

import hashlib
import os
import threading
import time

from ministack.services import ecr

FOLDER = os.environ.get("SLIPWAY_LAYERS", "")
BIG = 1_000_000
KEPT_SECONDS = 14 * 24 * 3600


def outlive():
    if not FOLDER:
        return
    os.makedirs(FOLDER, exist_ok=True)
    threading.Thread(target=forget_old, daemon=True).start()

    complete = ecr._v2_complete_blob_upload
    head = ecr._v2_head_blob

    def complete_and_keep(name, upload_uuid, query_params, body):
        answer = complete(name, upload_uuid, query_params, body)
        digest = query_params.get("digest", "")
        digest = digest[0] if isinstance(digest, list) else digest
        layer = ecr._layer_blobs.get(name, {}).get(digest)
        if answer[0] < 300 and layer and len(layer) >= BIG:
            threading.Thread(target=keep, args=(digest, layer), daemon=True).start()
        return answer

    def head_or_recall(name, digest):
        layers = ecr._layer_blobs.get(name, {})
        if digest not in layers and name in ecr._repositories:
            layer = recall(digest)
            if layer:
                ecr._layer_blobs.setdefault(name, {})[digest] = layer
        return head(name, digest)

    ecr._v2_complete_blob_upload = complete_and_keep
    ecr._v2_head_blob = head_or_recall


def path_of(digest):
    algorithm, _, value = digest.partition(":")
    return os.path.join(FOLDER, value) if algorithm == "sha256" and value.isalnum() else ""


def keep(digest, layer):
    path = path_of(digest)
    if not path or os.path.exists(path):
        return
    partial = f"{path}.{os.getpid()}"
    with open(partial, "wb") as file:
        file.write(layer)
    os.replace(partial, path)


def recall(digest):
    path = path_of(digest)
    if not path or not os.path.exists(path):
        return None
    with open(path, "rb") as file:
        layer = file.read()
    # What is in a folder may have been touched; what a digest names may not.
    if f"sha256:{hashlib.sha256(layer).hexdigest()}" != digest:
        os.remove(path)
        return None
    os.utime(path)
    return layer


def forget_old():
    for entry in os.scandir(FOLDER):
        if time.time() - entry.stat().st_mtime > KEPT_SECONDS:
            os.remove(entry.path)
