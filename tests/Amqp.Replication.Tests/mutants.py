#!/usr/bin/env python3
"""Breaks the replication protocol, one line at a time, in a copy of the project, and tells what notices: the stories of ReplicaTests, and the first seed of the
simulator. A simulator that does not find a bug that is there is worth nothing. `make mutants`, 15 minutes on two cores; with words as arguments, those only whose
name has them."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

PROJECT = "cluster/Amqp.Replication/"
TESTS = "tests/Amqp.Replication.Tests"
SEEDS = 400

# What is wrong then, the file, the line as it is, and as it is not to be.
MUTANTS = [
    ("a proposal counts only when it is stored", "QueueLeader.cs", "if (_proposal is not null) safe =", "if (_proposal is not null && LastNumber < 0) safe ="),
    ("a proposal counts as if it were stored", "QueueLeader.cs", "Math.Min(_durable, TakenBy(Stored.InSync))", "Math.Min(_durable, TakenBy(_proposal?.InSync ?? Stored.InSync))"),
    ("too few in sync complete a batch", "QueueLeader.cs", "if (IsSuspended || !Stored.HasEnough || _proposal is { HasEnough: false }) return;", "if (IsSuspended) return;"),
    ("a leader whose lease is in doubt completes a batch", "QueueLeader.cs", "if (IsSuspended || !Stored.HasEnough ||", "if (!Stored.HasEnough ||"),
    ("a batch completes while too small a set is proposed", "QueueLeader.cs", "|| _proposal is { HasEnough: false }", ""),
    ("the own disk is not waited for", "QueueLeader.cs", "Math.Min(_durable, TakenBy", "Math.Min(LastNumber, TakenBy"),
    ("what is durable of one epoch counts in the next", "QueueReplica.cs", "if (epoch == _configuration?.Epoch) _leader", "_leader"),
    ("handed over before the next leader has everything", "QueueLeader.cs", "&& Completed == LastNumber && feed.TakenNumber == LastNumber ?", "?"),
    ("handed over with acknowledgements on their way", "QueueLeader.cs", "(now - begun >= _options.LastAcksMs || !AwaitsAcks) && ", ""),
    ("the queue goes on while it is handed over", "QueueLeader.cs", "public bool IsFrozen => _handOver", "public bool IsFrozen => false && _handOver"),
    ("a hand-over never ends", "QueueLeader.cs", "if (_handOver is { } begun && now - begun.Since >= _options.HandOverMs) CancelHandOver();", ""),
    ("in sync before it has what was confirmed", "QueueLeader.cs", "!feed.IsComplete || feed.TakenNumber < Completed ||", "!feed.IsComplete ||"),
    ("in sync before it is complete", "QueueLeader.cs", "!feed.IsComplete || feed.TakenNumber < Completed ||", ""),
    ("out of the set before the store has that", "QueueLeader.cs", "!HasLost(member, now))).ToList()", "!HasLost(member, now))).ToList(); Stored = Stored with { InSync = [.. inSync] }"),
    ("a session may be joined twice", "QueueLeader.cs", "if (join.Session <= _lastSessions", "if (join.Session < _lastSessions"),
    ("retry times are not told to one that joins", "QueueLeader.cs", "if (attributes.ReadyAt != 0) records.Add(StoreRecord.Change(_state.Id, position, attributes));", ""),
    ("messages at hand are let go while others are read", "QueueLeader.cs", "var found = read.Found.ToArray();", "var found = read.Wanted.Select(_state.MessageAt).ToArray();"),
    ("a mirror that lacks something counts as far as it was told", "MirrorFeed.cs", "if (IsComplete) TakenNumber =", "TakenNumber ="),
    ("what overtakes is taken as it comes", "QueueMirror.cs", "while (_early.Remove(_taken + 1, out var item))", "while (_early.Count > 0 && _early.Remove(_early.Keys.First(), out var item))"),
    ("orphans are dropped before they are kept", "QueueMirror.cs", "_areOrphansKept = false;", ""),
    ("nothing is an orphan", "QueueMirror.cs", "[.. _surplus.Where(IsOrphan)]", "[]"),
    ("surplus stays", "QueueMirror.cs", "foreach (var position in _surplus) _state.Replay(StoreRecord.Settle(_state.Id, position), now);", ""),
    ("publishes that only this copy had stay known", "QueueMirror.cs", "        _producers.Clear();\n", ""),
    ("publishes are known before they are there", "QueueMirror.cs", "last.Producers.AsSpan()) _told.Add(mark);", "last.Producers.AsSpan()) { _told.Add(mark); _producers.Add(mark); }"),
    ("publishes that the leader knows are forgotten", "QueueMirror.cs", "foreach (ref readonly var mark in _told.ToArray().AsSpan()) _producers.Add(mark);", ""),
    ("a copy that lacks something knows everything", "QueueMirror.cs", "if (_missing.Count == 0) return [.. Ends, own];", "if (_missing.Count >= 0) return [.. Ends, own];"),
    ("keys that a deposed leader's hid are not learned again", "QueueMirror.cs", "if (_surplus.Count > 0) _state.LoseKeys();", ""),
    ("what is known differently is not corrected", "QueueMirror.cs", "is var known && known != own)", "is var known && known != own && own.Position < 0)"),
    ("taken before it is flushed", "QueueMirror.cs", "_session, _flushed / 2,", "_session, _taken,"),
    ("an item counts before all of it is recorded", "QueueMirror.cs", "            Take(item, now);\n            _taken++;\n", "            _taken++;\n            Take(item, now);\n"),
    ("complete before what it dropped is off its disk", "QueueMirror.cs", "IsComplete: _flushed % 2 == 1", "IsComplete"),
    ("a refused session goes on", "QueueMirror.cs", "if (message is Refuse) Begin(nextSession(), now);\n        else if", "if"),
    ("an older revision counts", "QueueReplica.cs", "if (_configuration is { } known && configuration.Revision <= known.Revision) return;", ""),
    ("what comes from another epoch counts", "QueueReplica.cs", "if (message.Epoch != _configuration?.Epoch) return;", "if (_configuration is null) return;"),
    ("a new leader's messages count as never handed out", "QueueReplica.cs", "mayHaveBeenHandedOut: wasMirrored", "mayHaveBeenHandedOut: false"),
    ("a deposed leader's consumers keep what they have", "QueueReplica.cs", "        _state.Follow();\n", ""),
    ("what the store says of earlier epochs counts more than what was told", "QueueReplica.cs", "var known = Known ?? KnownAfterRestart(configuration.Ends);", "var known = KnownAfterRestart(configuration.Ends);"),
    ("a leader knows more of an epoch than it was told", "QueueReplica.cs", "foreach (var told in ends) end = told.Epoch == last ? Math.Min(end, told.End) : end;", ""),
    ("a copy that was not in sync leads and knows everything", "Election.cs", ", Ends = [new EpochEnd(0, 0), new EpochEnd(configuration.Epoch, 0)] }", " }"),
]


def run(directory, command, **environment):
    return subprocess.run(command, shell=True, cwd=directory, capture_output=True, text=True, env={**os.environ, **environment})


def test(directory, name, **environment):
    return run(directory, f"timeout 600 dotnet test --no-build -c Release --nologo {TESTS} --filter FullyQualifiedName~{name}", **environment).stdout


def notice(directory):
    build = run(directory, f"dotnet build {TESTS} -c Release --nologo -v q")
    if build.returncode != 0:
        return "does not compile", "", ""
    stories = len(re.findall(r"^\s+Failed \w", test(directory, "ReplicaTests"), re.M))
    found = re.search(r"^\s*seed (\d+): ([^\n]*)", test(directory, "runs_that_were_asked_for", SIM_SEED="1", SIM_RUNS=str(SEEDS)), re.M)
    return (found[1], found[2], stories) if found else ("none", "", stories)


def main():
    with tempfile.TemporaryDirectory() as directory:
        files = run(".", "git ls-files --cached --others --exclude-standard").stdout.split("\n")
        for file in filter(os.path.isfile, files):
            os.makedirs(os.path.join(directory, os.path.dirname(file)), exist_ok=True)
            shutil.copy(file, os.path.join(directory, file))
        print("| bug | first seed | as | stories that fail |\n|---|---|---|---|")
        for what, file, line, broken in [mutant for mutant in MUTANTS if all(word in mutant[0] for word in sys.argv[1:])]:
            path = os.path.join(directory, PROJECT, file)
            with open(path) as source:
                text = source.read()
            if text.count(line) != 1:
                print(f"| {what} | the line is not there any more | | |", flush=True)
                continue
            with open(path, "w") as source:
                source.write(text.replace(line, broken))
            seed, as_what, stories = notice(directory)
            print(f"| {what} | {seed} | {as_what[:90]} | {stories or ''} |", flush=True)
            with open(path, "w") as source:
                source.write(text)


main()
