"""The servers that take turns: the store, the two that do less than it, and the peers from Debian's packages."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
RELEASE = TARGET / "release"
UNPACKED = TARGET / "peers"
PACKAGES = {
    "redis-server": ["redis-server", "redis-tools", "libjemalloc2", "liblua5.1-0", "lua-bitop", "lua-cjson", "liblzf1", "libhiredis0.14"],
    "etcd": ["etcd-server"],
    "valgrind": ["valgrind"],
}
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
PATIENCE_S = 30
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Server:
    """The processes of one service, and where and how they are asked."""

    def __init__(self, name, dialect, addresses, processes):
        self.name, self.dialect, self.addresses, self.processes = name, dialect, addresses, processes

    def cpu_s(self):
        ticks = 0
        for process in self.processes:
            # After the name in parentheses, which may hold spaces: fields 3 onwards; 14 and 15 are user and system time.
            fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / TICKS_A_SECOND

    def resident_bytes(self):
        """Of each process."""
        return [int(pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()[1]) * PAGE_BYTES for process in self.processes]


def find(program):
    """A program's path: the system's, or Debian's package unpacked below the target folder. None where there is neither."""
    if (found := shutil.which(program)) is not None:
        return pathlib.Path(found)
    at = UNPACKED / "usr" / "bin" / program
    if not at.exists() and shutil.which("apt-get"):
        UNPACKED.mkdir(parents=True, exist_ok=True)
        for package in PACKAGES[program]:
            commands = [["apt-get", "download", "-qq", package], ["sh", "-c", f"dpkg-deb --extract {package}_*.deb ."]]
            if any(subprocess.run(command, cwd=UNPACKED, check=False).returncode for command in commands):
                return None
    return at if at.exists() else None


def environment_of(program):
    """What an unpacked program needs to find its libraries."""
    libraries = ":".join(str(folder) for folder in (UNPACKED / "usr" / "lib").glob("*-linux-gnu"))
    return {"LD_LIBRARY_PATH": libraries} if UNPACKED in program.parents else {}


def version_of(program):
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, env={**os.environ, **environment_of(program)})
    return shown.stdout.splitlines()[0]


class Field:
    """Starts servers on ports of its own, and ends them."""

    def __init__(self, folder, log, port):
        self.folder, self.log, self.port = folder, log, port
        self.stack, self.running = contextlib.ExitStack(), []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()

    def addresses(self, count):
        first, self.port = self.port, self.port + count
        return [f"127.0.0.1:{first + n}" for n in range(count)]

    def folder_for(self, name):
        folder = self.folder / name
        folder.mkdir()
        return folder

    def start(self, command, environment=None):
        process = subprocess.Popen(command, env={**os.environ, **(environment or {})}, stdout=self.log, stderr=self.log)
        self.stack.callback(end, process)
        self.running.append(process)
        return process

    def patiently(self, what, holds):
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            ended = [process for process in self.running if process.poll() is not None]
            if ended or time.monotonic() > deadline:
                last = pathlib.Path(self.log.name).read_text(encoding="utf-8", errors="replace").splitlines()[-10:]
                sys.exit("\n".join([*last, f"{ended[0].args} has ended" if ended else f"waited for {what} in vain"]))
            time.sleep(0.1)

    def causeway(self, nodes=3, shards=1, **settings):
        addresses = self.addresses(nodes)
        processes = []
        for address in addresses:
            data = self.folder_for(f"causeway-{address.rpartition(':')[2]}")
            environment = {"SOCKET_ADDRESS": address, "VIEW": ",".join(addresses), "SHARD_COUNT": str(shards), "DATA_DIR": str(data)}
            processes.append(self.start([RELEASE / "causeway", "serve"], {**environment, **settings}))
        for address in addresses:
            self.await_http(address, "/readyz")
        return Server("causeway", "causeway", addresses, processes)

    def bare_axum(self):
        addresses = self.addresses(1)
        process = self.start([RELEASE / "examples" / "bare_axum", addresses[0]])
        self.await_port(addresses[0])
        return Server("bare axum", "causeway", addresses, [process])

    def shipping_axum(self):
        leader, *followers = self.addresses(3)
        folder, program = self.folder_for("shipping"), RELEASE / "examples" / "shipping_axum"
        processes = []
        for number, follower in enumerate(followers):
            processes.append(self.start([program, "follows", follower, folder / f"follower-{number}"]))
        # Their one connection is the leader's: nobody may knock before it.
        time.sleep(1)
        processes.append(self.start([program, "leads", leader, folder / "leader", *followers]))
        self.await_port(leader)
        return Server("shipping axum", "causeway", [leader], processes)

    def etcd(self, program):
        clients, peers = self.addresses(3), self.addresses(3)
        cluster = ",".join(f"e{n}=http://{peer}" for n, peer in enumerate(peers))
        processes = []
        for n, (client, peer) in enumerate(zip(clients, peers)):
            command = [program, "--name", f"e{n}", "--data-dir", self.folder_for(f"etcd-{n}"), "--initial-cluster", cluster]
            command += ["--listen-client-urls", f"http://{client}", "--advertise-client-urls", f"http://{client}"]
            command += ["--listen-peer-urls", f"http://{peer}", "--initial-advertise-peer-urls", f"http://{peer}"]
            processes.append(self.start(command, environment_of(program)))
        for client in clients:
            self.await_http(client, "/health")
        return Server("etcd", "etcd", clients, processes)

    def redis(self, program, appendfsync):
        """A Redis Cluster of one master, which has all slots, and two replicas."""
        addresses = self.addresses(3)
        processes = []
        for address in addresses:
            port = address.rpartition(":")[2]
            command = [program, "--port", port, "--dir", self.folder_for(f"redis-{port}"), "--bind", "127.0.0.1", "--save", ""]
            command += ["--cluster-enabled", "yes", "--appendonly", "yes", "--appendfsync", appendfsync]
            processes.append(self.start(command, environment_of(program)))
        for address in addresses:
            self.await_port(address)
        master, *replicas = addresses
        redis(master, "CLUSTER ADDSLOTSRANGE 0 16383")
        name_of_master = redis(master, "CLUSTER MYID").split("\r\n")[1]
        for replica in replicas:
            redis(replica, f"CLUSTER MEET 127.0.0.1 {master.rpartition(':')[2]}")
        for replica in replicas:
            self.patiently(f"{replica} to follow", lambda: redis(replica, f"CLUSTER REPLICATE {name_of_master}").startswith("+OK"))
        self.patiently("two replicas", lambda: "connected_slaves:2" in redis(master, "INFO replication"))
        self.patiently("the cluster", lambda: "cluster_state:ok" in redis(master, "CLUSTER INFO"))
        return Server("redis", "redis", [master], processes)

    def await_port(self, address):
        def is_open():
            with contextlib.suppress(OSError), socket.create_connection(split(address), timeout=1):
                return True
            return False

        self.patiently(address, is_open)

    def await_http(self, address, path):
        def is_ready():
            with contextlib.suppress(OSError), socket.create_connection(split(address), timeout=1) as stream:
                stream.sendall(f"GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n".encode())
                return stream.recv(64).startswith(b"HTTP/1.1 200")
            return False

        self.patiently(f"{address}{path}", is_ready)


def end(process):
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def split(address):
    host, _, port = address.rpartition(":")
    return host, int(port)


def redis(address, command):
    with socket.create_connection(split(address), timeout=10) as stream:
        stream.sendall(f"{command}\r\n".encode())
        return stream.recv(65_536).decode()
