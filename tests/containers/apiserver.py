"""What kubectl needs of a cluster to label a node and to apply manifests: an API server that knows a
few kinds, keeps what it is given, and does nothing with it."""
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GROUPS = {
    "v1": {"Namespace": ("namespaces", False), "Node": ("nodes", False),
           "Service": ("services", True)},
    "apps/v1": {"Deployment": ("deployments", True), "DaemonSet": ("daemonsets", True)},
    "autoscaling/v2": {"HorizontalPodAutoscaler": ("horizontalpodautoscalers", True)},
    "node.k8s.io/v1": {"RuntimeClass": ("runtimeclasses", False)},
}
VERBS = ["create", "delete", "get", "list", "patch", "update"]


def place_of(document, namespace="default"):
    """The path of an object, as a cluster has it."""
    group = document["apiVersion"]
    plural, namespaced = GROUPS[group][document["kind"]]
    where = f"/namespaces/{document['metadata'].get('namespace', namespace)}" if namespaced else ""
    root = "api" if group == "v1" else "apis"
    return f"/{root}/{group}{where}/{plural}/{document['metadata']['name']}"


def resources(group):
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group, "resources": [
        {"name": plural, "singularName": kind.lower(), "namespaced": namespaced, "kind": kind,
         "verbs": VERBS} for kind, (plural, namespaced) in GROUPS[group].items()]}


def groups():
    found = []
    for version in (group for group in GROUPS if "/" in group):
        entry = {"groupVersion": version, "version": version.split("/")[1]}
        found.append({"name": version.split("/")[0], "versions": [entry],
                      "preferredVersion": entry})
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": found}


def discovery():
    return {"/version": {"major": "1", "minor": "30", "gitVersion": "v1.30.0"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]}, "/apis": groups(),
            **{f"/{'api' if group == 'v1' else 'apis'}/{group}": resources(group)
               for group in GROUPS}}


def merged(old, patch):
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        result[key] = merged(result.get(key), value)
    return {key: value for key, value in result.items() if value is not None}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        return json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")

    def answer(self, code, document):
        data = json.dumps(document).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, code, reason):
        self.answer(code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                           "reason": reason, "message": f"{self.path}: {reason}"})

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path == "/openapi/v2":  # there is no schema: kubectl leaves the judgement to us
            self.send_response(200)
            self.send_header("Content-Type",
                             "application/com.github.proto-openapi.spec.v2.v1.0+protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif path in discovery():
            self.answer(200, discovery()[path])
        elif path in self.server.objects:
            self.answer(200, self.server.objects[path])
        else:
            self.refuse(404, "NotFound")

    def do_POST(self):
        document = self.body()
        path = f"{self.path.partition('?')[0]}/{document['metadata']['name']}"
        if path != place_of(document):
            return self.refuse(400, "BadRequest")
        if path in self.server.objects:
            return self.refuse(409, "AlreadyExists")
        self.server.objects[path] = document
        return self.answer(201, document)

    def do_PATCH(self):
        path = self.path.partition("?")[0]
        if path not in self.server.objects:
            return self.refuse(404, "NotFound")
        self.server.objects[path] = merged(self.server.objects[path], self.body())
        return self.answer(200, self.server.objects[path])


class ApiServer(ThreadingHTTPServer):
    """On a port of the loopback, until it is closed. `objects` are by their paths."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.objects = {}
        self.add({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "NODE"}})
        self.thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def add(self, document):
        self.objects[place_of(document)] = document

    def kubeconfig(self):
        return json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "tests",
            "clusters": [{"name": "tests",
                          "cluster": {"server": f"http://127.0.0.1:{self.server_address[1]}"}}],
            "users": [{"name": "tests", "user": {}}],
            "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "tests"}}]})

    def close(self):
        self.shutdown()
        self.thread.join()
        self.server_close()
