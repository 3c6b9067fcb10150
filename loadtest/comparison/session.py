"""A run: the contests and the other parts one after the other. What fails is named and does not
take the rest with it."""

import sys
from collections.abc import Callable
from pathlib import Path
from statistics import mean

from . import certificate as certificates
from . import footprint, opaque, signed, tools, two_workers
from .contest import Result, hold
from .contests import CONTESTS, QUICK_CONTESTS, UPSTREAM_TLS, Contest
from .field_of_peers import Field
from .findings import Findings
from .half_load import half_load
from .machine import Cores, description, raise_file_limit
from .material import Key, Material
from .options import Options
from .peers.nginx import Upstream
from .peers.peer import Stage
from .processes import Failed

# Fewer when there is little time: what each takes is the same.
_QUICK_IDLE = 2_000


class Session:
    def __init__(self, options: Options, binary: Path):
        raise_file_limit()
        self._options = options
        self._cores = Cores()
        self._binary = binary
        self._material = Material(binary)
        pace = {"rounds": options.pace.rounds, "seconds": options.pace.seconds}
        self.found = Findings(
            machine=description(),
            versions=tools.versions(binary),
            pace={**pace, "quick": options.quick},
        )

    def run(self) -> Findings:
        certificate = None if self._options.quick else certificates.upstream()
        upstream = Upstream("upstream", Stage(0), certificate=certificate)
        with upstream.start(self._cores.load):
            self._field = Field(self._binary, upstream.port)
            self.found.skipped = self._field.skipped
            for contest in QUICK_CONTESTS if self._options.quick else CONTESTS:
                self._part(contest.name, lambda contest=contest: self._contest(contest))
            if certificate is not None:
                over_tls = Field(self._binary, upstream.tls_port, certificate)
                self._part(UPSTREAM_TLS.name, lambda: self._contest(UPSTREAM_TLS, over_tls))
                self._part("half-load", self._half_load)
                self._part("workers", self._workers)
                self._part("opaque", self._opaque)
                self._part("signed", self._signed)
            self._part("footprint", self._footprint)
        return self.found

    def _part(self, name: str, work: Callable[[], None]):
        if not self._options.wants(name):
            return
        print(f"… {name}", file=sys.stderr, flush=True)
        try:
            work()
        except (Failed, OSError) as failure:
            self.found.failures[name] = str(failure)
            print(f"  failed: {failure}", file=sys.stderr)

    def _contest(self, contest: Contest, field: Field | None = None):
        entries = contest.entries(field or self._field, self._material)
        results = hold(entries, self._options.pace, self._cores, self._material)
        self._keep(contest.name, contest.title, results)
        if contest.name in ("rs256", "es256"):
            algorithm = contest.name.upper()
            bare = self._material.bare_verification_us(algorithm)
            self.found.figures[f"bare {algorithm} us"] = bare

    def _half_load(self):
        results, rate = half_load(self._field, self._material, self._cores, self._options.pace)
        title = f"at half of saturation: {rate:,.0f} requests/s each"
        self._keep("half-load", title, results)

    def _workers(self):
        results = two_workers.one_and_two(
            self._field, self._material, self._cores, self._options.pace
        )
        self._keep("workers", "one worker on one core, two workers on two", results)
        figures = self.found.figures
        waiting = two_workers.busy_worker(self._field, self._material, self._cores)
        figures["quiet worker p99 us, alone"] = waiting.alone
        figures["quiet worker p99 us, beside another process"] = waiting.beside_stranger
        figures["quiet worker p99 us, beside a busy worker"] = waiting.beside_worker

    def _opaque(self):
        field, cores = self._field, self._cores
        results = opaque.cached(field, self._material, cores, self._options.pace)
        self._keep("opaque", "4,000 JWTs and 4,000 opaque tokens, all remembered", results)
        figures = self.found.figures
        crowd = f"questions for {opaque.CROWD:,} callers with one new token"
        figures[crowd] = opaque.calls_for_a_crowd(field, cores)
        beside = opaque.beside_new_tokens(field, cores)
        figures["remembered tokens p99 us, new ones elsewhere"] = beside.stranger
        figures["remembered tokens p99 us, beside new ones"] = beside.itself

    def _signed(self):
        field, cores, material = self._field, self._cores, self._material
        figures = self.found.figures
        for name, size in signed.SIZES.items():
            # Before and after, since it moves by a third on a machine with neighbours.
            bare = [material.bare_verification_us("RS256", size)]
            results = signed.bodies(field, material, cores, self._options.pace, size)
            bare.append(material.bare_verification_us("RS256", size))
            self._keep(f"signed {name}", f"RS256-signed bodies of {name}", results)
            figures[f"bare RS256 of {name} us"] = mean(bare)
        proof = signed.proven(field, material, cores, self._options.pace)
        self._keep("evidence", f"signed bodies of 1 KiB, {signed.RATE:,} a second", proof.results)
        for name, fsync in proof.fsyncs_us.items():
            figures[f"{name}: fsync p99 us"] = fsync
        uploads = signed.large_uploads(field, material, cores)
        figures["large uploads: resident bytes"] = uploads.resident
        figures["large uploads: admitted"] = uploads.admitted
        figures["large uploads: refused for want of room"] = uploads.refused

    def _footprint(self):
        figures, cores, material = self.found.figures, self._cores, self._material
        key = material.key("RS256")
        peer = self._field.warm(key)
        figures["binary bytes"] = footprint.stripped_size(self._binary)
        figures["start to ready ms"] = footprint.start_to_ready_ms(peer, cores)
        idle = _QUICK_IDLE if self._options.quick else footprint.MANY_IDLE
        token = material.token("RS256")
        per_connection = footprint.bytes_per_idle_connection(peer, token, cores, idle)
        figures["idle connection bytes"] = per_connection
        tokens = material.tokens("RS256", footprint.MANY_TOKENS)
        cached = footprint.bytes_of_cached_tokens(peer, tokens, cores)
        figures["cached tokens bytes"] = cached
        self._in_flight(key, token)
        envoy = footprint.envoy_or_none(self._field, material)
        for suffix, peer in (("", peer), (", envoy", envoy)):
            if peer is not None:
                figures[f"idle memory bytes{suffix}"] = footprint.idle_memory(peer, cores)
                in_use = footprint.memory_in_use(peer, material, cores)
                figures[f"memory in use bytes{suffix}"] = in_use

    def _in_flight(self, key: Key, token: str):
        with footprint.SilentService() as service:
            field = Field(self._binary, service.port)
            for suffix, peer in (("", field.warm(key)), (", nginx", field.nginx())):
                taken = footprint.bytes_per_request_in_flight(peer, service, token, self._cores)
                self.found.figures[f"request in flight bytes{suffix}"] = taken

    def _keep(self, name: str, title: str, results: list[Result]):
        self.found.contests[name] = {
            "title": title,
            "results": [result.as_json() for result in results],
        }
