using System.Globalization;
using System.Net;

namespace Amqp.Testing.Clusters;

/// <summary>A node of a cluster: its process, which comes and goes, and what it says of its queues.</summary>
public sealed class ClusterNode(string name, BrokerPlace place, int linkPort, string[] options)
{
    private static readonly TimeSpan StartsWithin = TimeSpan.FromMinutes(2);

    private TestBroker? _broker;

    /// <summary>As tests have it: n1.</summary>
    public string Name => name;

    /// <summary>As the cluster has it: n1@127.0.0.1.</summary>
    public string FullName => $"{name}@{Address}";

    public string Address => place.Address;

    public int LinkPort => linkPort;

    public int Port => Broker.Port;

    public TestBroker Broker => _broker ?? throw new InvalidOperationException($"{name} was never started");

    /// <summary>False from the moment at which a test ends it, until it serves clients again.</summary>
    public bool IsUp { get; private set; }

    public async Task Start()
    {
        if (_broker is null) _broker = await TestBroker.StartWithin(StartsWithin, place, [$"--Node:Name={FullName}", $"--Cluster:Address={Address}", $"--Cluster:Port={linkPort}", .. options]);
        else if (!IsUp) await _broker.Restart();
        IsUp = true;
    }

    /// <summary>kill -9, or the power switch.</summary>
    public Task Kill()
    {
        IsUp = false;
        return Broker.Kill();
    }

    /// <summary>Starts it, and kills it so long after its first word, or when it is ready if that is earlier.</summary>
    public async Task StartAndKill(TimeSpan after)
    {
        Assert.That(IsUp, Is.False, $"{name} runs");
        await Broker.KillWhileOpening(after);
    }

    /// <summary>SIGTERM; returns when the process has ended.</summary>
    public async Task Stop()
    {
        IsUp = false;
        Assert.That(await Broker.Stop(), Is.Zero, $"exit code of {name}");
    }

    /// <summary>Runs a command line tool of <c>out/</c> as the operator of this node does: <c>rabbitmqctl await_online_nodes 3</c>.</summary>
    public async Task<(int ExitCode, string Text)> Run(string line)
    {
        var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        var program = Repository.PathOf("out", words[0]);
        Assert.That(File.Exists(program), $"{program} is missing: run `make build`");
        return await Command.Run(program, words[1..], StartsWithin, environment: new Dictionary<string, string> { ["Storage__Directory"] = Broker.Directory });
    }

    /// <summary>SIGSTOP: the process stands still, and its sockets stay open.</summary>
    public Task Freeze() => Signal("STOP", Broker.ProcessId);

    /// <summary>SIGCONT.</summary>
    public Task Thaw() => Signal("CONT", Broker.ProcessId);

    public Task FreezeEtcd() => Signal("STOP", EtcdProcessId());

    public Task ThawEtcd() => Signal("CONT", EtcdProcessId());

    /// <summary>kill -9 of the node's member of etcd, which the node starts again.</summary>
    public Task KillEtcd() => Signal("KILL", EtcdProcessId());

    public bool HasEtcd => FindEtcd() is not null;

    /// <summary>The node loses all that is on its disk. It must not run.</summary>
    public void Wipe()
    {
        Assert.That(IsUp, Is.False, $"{name} runs");
        Directory.Delete(Broker.Directory, recursive: true);
        Directory.CreateDirectory(Broker.Directory);
    }

    /// <summary><c>stop_app</c>: the process stays.</summary>
    public async Task StopApp()
    {
        IsUp = false;
        await Operate(HttpMethod.Put, $"nodes/{FullName}/app", new { running = false });
    }

    /// <summary><c>start_app</c>; it serves clients when this returns.</summary>
    public async Task StartApp()
    {
        await Operate(HttpMethod.Put, $"nodes/{FullName}/app", new { running = true });
        IsUp = true;
    }

    public Task Reset(bool isForced = false) => Operate(HttpMethod.Post, $"nodes/{FullName}/reset", new { forced = isForced });

    /// <summary><c>join_cluster</c>.</summary>
    public Task Join(ClusterNode other) => Operate(HttpMethod.Post, $"nodes/{FullName}/cluster", new { node = string.Create(CultureInfo.InvariantCulture, $"{other.FullName}=127.0.0.1:{other.LinkPort}") });

    /// <summary><c>forget_cluster_node --offline</c>, while the app of this node is stopped.</summary>
    /// <returns>Nodes that have to be given up, too.</returns>
    public async Task<string[]> GiveUp(ClusterNode other)
    {
        var answer = await Operate(HttpMethod.Post, $"nodes/{FullName}/given-up", new { node = other.FullName });
        return [.. answer["others"]!.AsArray().Select(node => node!.GetValue<string>())];
    }

    /// <summary><c>forget_cluster_node</c>.</summary>
    public Task Forget(ClusterNode other) => Operate(HttpMethod.Delete, $"nodes/{other.FullName}", body: null);

    /// <summary>Starts its process, which is not to serve clients.</summary>
    public void Begin() => Broker.Begin();

    /// <summary>Its app runs; false also when nothing answers.</summary>
    public async Task<bool> HasApp()
    {
        try
        {
            return (await new ControlApi(Broker).Get("node"))["running"]!.GetValue<bool>();
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    /// <summary>Names of the members of its cluster that run, as it sees them.</summary>
    public async Task<string[]> Running() =>
        [.. (await new ControlApi(Broker).List("nodes")).Where(node => node["running"]!.GetValue<bool>()).Select(node => node["name"]!.GetValue<string>())];

    /// <summary>It hears every other member, on all lanes.</summary>
    public async Task<bool> HearsAll() => (await new ControlApi(Broker).Get("cluster"))["links"]!.AsArray().All(link => link!["connected"]!.GetValue<bool>());

    /// <summary>The node's data, and those of its etcd, are moved to another disk. It must not run.</summary>
    public async Task MoveTo(string directory)
    {
        await Move(Broker.Directory, directory);
        Directory.CreateSymbolicLink(Broker.Directory, directory);
    }

    /// <summary>They are moved back from there.</summary>
    public async Task MoveBack(string directory)
    {
        Directory.Delete(Broker.Directory); // the link
        await Move(directory, Broker.Directory);
    }

    /// <summary>What its own copy of a queue has, by a hash over all messages; null: it has no copy, or does not answer.</summary>
    public async Task<CopyState?> CopyOf(string queue)
    {
        try
        {
            var answer = await new ControlApi(Broker).Get($"queues/%2F/{Uri.EscapeDataString(queue)}/copy");
            return answer.Status == HttpStatusCode.OK ? new CopyState(answer["messages"]!.GetValue<int>(), answer["sha256"]!.GetValue<string>()) : null;
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }

    /// <summary>The mirrors of a queue that this node leads which are not in sync yet: how many messages each has been told of.</summary>
    public async Task<Dictionary<string, long>> CatchingUpIn(string queue)
    {
        var answer = await new ControlApi(Broker).Get($"queues/%2F/{Uri.EscapeDataString(queue)}");
        var mirrors = answer.Json?["mirrors"]?.AsArray() ?? [];
        return mirrors.Where(mirror => mirror!["catching_up"]!.GetValue<bool>()).ToDictionary(mirror => mirror!["node"]!.GetValue<string>(), mirror => mirror!["messages_told"]!.GetValue<long>());
    }

    /// <summary>Names of queues that a defect has ended here.</summary>
    public async Task<string[]> Crashed() => [.. (await Queues()).Where(queue => queue.State == "crashed").Select(queue => $"{queue.Name} on {name} is {queue.State}")];

    /// <summary>The number by which the cluster knows a queue.</summary>
    public async Task<long?> NumberOf(string queue)
    {
        var answer = await new ControlApi(Broker).Get($"queues/%2F/{Uri.EscapeDataString(queue)}");
        // The number is the last part of what the API shows as the process of the queue.
        return answer.Json?["pid"]?.GetValue<string>() is { } pid ? long.Parse(pid[(pid.LastIndexOf('.') + 1)..^1], CultureInfo.InvariantCulture) : null;
    }

    public async ValueTask DisposeAsync()
    {
        IsUp = false;
        if (_broker is not null) await _broker.DisposeAsync();
    }

    private async Task Move(string from, string to)
    {
        Assert.That(IsUp, Is.False, $"{name} runs");
        var (code, text) = await Command.Run("mv", [from, to], Patience.Stop);
        Assert.That(code, Is.Zero, text);
    }

    private async Task<(string? Name, string State)[]> Queues() =>
        [.. (await new ControlApi(Broker).List("queues")).Select(queue => (queue["name"]?.GetValue<string>(), queue["state"]!.GetValue<string>()))];

    private async Task<ApiAnswer> Operate(HttpMethod method, string path, object? body)
    {
        var answer = await new ControlApi(Broker).Send(method, path, body);
        Assert.That((int)answer.Status, Is.InRange(200, 299), $"{method} {path} at {name}: {answer.Json?.ToJsonString()}");
        return answer;
    }

    private static async Task Signal(string signal, int process)
    {
        var (code, text) = await Command.Run("/bin/kill", [$"-{signal}", process.ToString(CultureInfo.InvariantCulture)], Patience.Answer);
        Assert.That(code, Is.Zero, text);
    }

    /// <summary>Of the process whose data are in this node's directory.</summary>
    private int EtcdProcessId() => FindEtcd() ?? throw new InvalidOperationException($"no etcd of {name} runs");

    private int? FindEtcd()
    {
        foreach (var process in Directory.GetDirectories("/proc"))
        {
            if (!int.TryParse(Path.GetFileName(process), CultureInfo.InvariantCulture, out var number)) continue;
            try
            {
                var words = File.ReadAllText(Path.Combine(process, "cmdline")).Split('\0');
                if (Path.GetFileName(words[0]) == "etcd" && words.Any(word => word.StartsWith(Broker.Directory + "/", StringComparison.Ordinal))) return number;
            }
            catch (IOException)
            {
                // It has ended meanwhile.
            }
        }
        return null;
    }
}

/// <summary>What a copy of a queue has.</summary>
/// <param name="Hash">Over position, routing, properties and body of each.</param>
public readonly record struct CopyState(int Messages, string Hash);
