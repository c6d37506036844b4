using System.Text.Json;
using Amqp.Core.Security;
using Amqp.Core.Topology;
using Amqp.Storage;
using Amqp.Storage.Metadata;
using Amqp.Testing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Amqp.Conformance.Tests.Support;

/// <summary>
/// The users and virtual hosts of the conformance tests. Our broker finds them in its data directory when it starts; the oracle gets
/// them from its command line. All passwords are the same.
/// </summary>
internal static class Definitions
{
    public const string Password = "secret";

    /// <summary>Has permissions by the end of a name: behind its last dot stand <c>c</c>, <c>w</c> and <c>r</c> for what is allowed.</summary>
    public const string Limited = "limited";

    /// <summary>A name with a character that means something in a regular expression.</summary>
    public const string Topical = "top.ical";

    public const string Other = "other";
    public const string Small = "small";
    public const string Closed = "closed";

    private static readonly TopologyCommand[] All =
    [
        New("guest", "guest", User.Administrator),
        new SetPermissions("/", "guest", Permissions.All),
        New(Limited, Password),
        new SetPermissions("/", Limited, new(LastPart('c'), LastPart('w'), LastPart('r'))),
        New("sha512", Password, algorithm: HashingAlgorithm.Sha512),
        new SetPermissions("/", "sha512", Permissions.All),
        New("md5", Password, algorithm: HashingAlgorithm.Md5),
        new SetPermissions("/", "md5", Permissions.All),
        new AddUser("nopassword", PasswordHash.None, []),
        new SetPermissions("/", "nopassword", Permissions.All),
        New("impersonator", Password, User.Impersonator),
        new SetPermissions("/", "impersonator", Permissions.All),
        new AddVhost(Other),
        new SetPermissions(Other, "guest", Permissions.All),
        new SetPermissions(Other, Limited, new(new(""), new(""), new(""))),
        New(Topical, Password),
        new SetPermissions("/", Topical, Permissions.All),
        new SetPermissions(Other, Topical, Permissions.All),
        new SetTopicPermissions("/", Topical, "amq.topic", "^w[.]", "^r[.]"),
        new SetTopicPermissions(Other, Topical, "amq.topic", "^{username}[.]{vhost}$", ""),
        New("oneconnection", Password),
        new SetPermissions("/", "oneconnection", Permissions.All),
        new SetUserLimits("oneconnection", new(1, null)),
        New("twochannels", Password),
        new SetPermissions("/", "twochannels", Permissions.All),
        new SetUserLimits("twochannels", new(-1, 2)),
        new AddVhost(Small),
        new SetPermissions(Small, "guest", Permissions.All),
        new SetVhostLimits(Small, new(1, 1)),
        new AddVhost(Closed),
        new SetPermissions(Closed, "guest", Permissions.All),
        new SetVhostLimits(Closed, new(0, null)),
    ];

    /// <summary>What stands between an oracle that was not started by our scripts and these definitions; null if they are there.</summary>
    public static string? Missing { get; private set; }

    public static void WriteTo(string directory)
    {
        using var opened = DataDirectory.Open(directory, "journal");
        Exception? failure = null;
        using var store = LocalMetadataStore.Open(opened, TimeProvider.System, NullLogger<LocalMetadataStore>.Instance, exception => failure = exception);
        using var committed = new ManualResetEventSlim();
        store.Commit(basis: 0, [Apply(store.Load().Topology)], _ => committed.Set());
        Assert.That(committed.Wait(Patience.Answer), Is.True, failure?.ToString());
    }

    public static async Task ImportIntoOracle()
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, Json(Apply(TopologySnapshot.Initial).Topology));
            var (exitCode, text) = await Command.Run(Repository.PathOf("tests", "oracle", "ctl.sh"), ["import_definitions", file], Patience.Start);
            Missing = exitCode == 0 ? null : $"the oracle did not take the users of these tests (AMQP_ORACLE_NAME and AMQP_ORACLE_PORT say which it is):\n{text}";
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static TopologyResult Apply(TopologySnapshot topology)
    {
        var result = TopologyReducer.Apply(topology, new Commands([.. All]));
        Assert.That(result.Error, Is.Null);
        return result;
    }

    private static AddUser New(string name, string password, string? tag = null, HashingAlgorithm algorithm = HashingAlgorithm.Sha256) =>
        new(name, PasswordHash.Of(password, [1, 2, 3, 4], algorithm), tag is null ? [] : [tag]);

    private static NamePattern LastPart(char letter) => new($"[.][cwr]*{letter}[cwr]*$");

    /// <summary>A file of definitions as RabbitMQ exports it.</summary>
    private static string Json(TopologySnapshot topology)
    {
        var vhosts = topology.VirtualHosts.Values;
        return JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["rabbit_version"] = "3.10.8",
            ["users"] = topology.Users.Values.Select(user => new
            {
                name = user.Name,
                password_hash = Convert.ToBase64String(user.Password.Bytes.AsSpan()),
                hashing_algorithm = user.Password.Algorithm.Text(),
                tags = user.Tags,
                limits = Given(("max-connections", user.Limits.MaxConnections), ("max-channels", user.Limits.MaxChannels)),
            }),
            ["vhosts"] = vhosts.Select(vhost => new { name = vhost.Name }),
            ["permissions"] = vhosts.SelectMany(vhost => vhost.Permissions.Select(pair => new
            {
                user = pair.Key,
                vhost = vhost.Name,
                configure = pair.Value.Configure.Text,
                write = pair.Value.Write.Text,
                read = pair.Value.Read.Text,
            })),
            ["topic_permissions"] = vhosts.SelectMany(vhost => vhost.TopicPermissions.Select(pair => new
            {
                user = pair.Key.User,
                vhost = vhost.Name,
                exchange = pair.Key.Exchange,
                write = pair.Value.Write,
                read = pair.Value.Read,
            })),
            ["parameters"] = vhosts.Where(vhost => vhost.Limits != VhostLimits.None).Select(vhost => new
            {
                vhost = vhost.Name,
                component = "vhost-limits",
                name = "limits",
                value = Given(("max-connections", vhost.Limits.MaxConnections), ("max-queues", vhost.Limits.MaxQueues)),
            }),
        });
    }

    private static Dictionary<string, long> Given(params (string Name, long? Value)[] limits) =>
        limits.Where(limit => limit.Value is not null).ToDictionary(limit => limit.Name, limit => limit.Value!.Value);
}
