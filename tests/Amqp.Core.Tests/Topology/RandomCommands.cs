using System.Text.Json;
using AMQP.Net;
using Amqp.Core.Policies;
using Amqp.Core.Security;
using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Topology;

/// <summary>Commands made from numbers, over so few names that they meet all the time.</summary>
internal static class RandomCommands
{
    private static readonly string[] Exchanges = ["amq.topic", "x1", "x2", "x3", "x4"];
    private static readonly string[] Queues = ["q1", "q2", "q3", "q4"];
    private static readonly string[] Vhosts = ["/", "v"];
    private static readonly string[] Users = ["u1", "u2"];
    private static readonly string[] Policies = ["p1", "p2"];
    private static readonly string[] Keys = ["", "a", "a.b", "*.b", "#"];
    private static readonly string[] Types = ["direct", "fanout", "topic", "headers"];

    private static readonly FieldTable[] Arguments =
    [
        FieldTable.Empty,
        FieldTable.From(("a", FieldValue.From(1)), ("x-match", FieldValue.From("any"))),
    ];

    /// <param name="topology">What is there, because a deletion names the queue's number.</param>
    public static TopologyCommand From(int number, TopologySnapshot topology)
    {
        var random = new Random(number);
        var requester = new ConnectionId("n", 1, random.Next(2));
        return random.Next(12) switch
        {
            0 or 1 => new DeclareExchange("/", Any(Exchanges), Any(Types), Flip(), Flip(), Flip(), FieldTable.Empty),
            2 or 3 => new DeclareQueue("/", Any(Queues), Flip(), Flip(), random.Next(4) == 0, FieldTable.Empty, requester),
            4 or 5 or 6 => new Bind("/", Binding(), requester),
            7 => new Unbind("/", topology.Find("/")!.Bindings.All.FirstOrDefault() ?? Binding(), requester),
            8 => new DeleteExchange("/", Any(Exchanges), Flip()),
            9 or 10 => OfOperator(),
            _ => DeleteQueue(Any(Queues)),
        };

        TopologyCommand OfOperator() => random.Next(15) switch
        {
            0 => new AddVhost("v", new VhostMetadata($"{random.Next(3)}", ["tag"], random.Next(2) == 0 ? QueueType.Classic : null, Flip())),
            1 => new DeleteVhost("v"),
            2 => new SetVhostLimits(Any(Vhosts), new(random.Next(9), Flip() ? null : 9)),
            3 => new DeclareQueue("v", Any(Queues), Flip(), Flip(), false, FieldTable.Empty, requester),
            4 or 5 => new AddUser(Any(Users), PasswordHash.Of($"{number}", [1, 2, 3, 4], Flip() ? HashingAlgorithm.Md5 : HashingAlgorithm.Sha256), ["a", "b"]),
            6 => new DeleteUser(Any(Users)),
            7 => new SetUserLimits(Any(Users), new(Flip() ? null : random.Next(9), random.Next(9))),
            8 => new SetPermissions(Any(Vhosts), Any(Users), new(new(Any(Queues)), new("b"), new("c"))),
            10 or 11 => new SetPolicy(Any(Vhosts), Any(Enum.GetValues<PolicyKind>()), Any(Policies), JsonElement.Parse(
                $$"""{"pattern":"{{Any(["", "^q", "1$", "^(?!q)"])}}","definition":{"{{Any(["expires", "message-ttl"])}}":{{random.Next(1, 9)}} },"priority":{{random.Next(3)}},"apply-to":"{{Any(["all", "queues", "exchanges"])}}"}""")),
            12 => new ClearPolicy(Any(Vhosts), Any(Enum.GetValues<PolicyKind>()), Any(Policies)),
            13 => Flip() ? new SetGlobalParameter(Any(Policies), JsonElement.Parse($"[{number % 3}]")) : new ClearGlobalParameter(Any(Policies)),
            9 => new SetTopicPermissions(Any(Vhosts), Any(Users), Any(Exchanges), "{username}", ".*"),
            _ => Flip() ? new ClearPermissions(Any(Vhosts), Any(Users)) : new ClearTopicPermissions(Any(Vhosts), Any(Users)),
        };
        bool Flip() => random.Next(2) == 0;
        T Any<T>(T[] values) => values[random.Next(values.Length)];
        Binding Binding() => new(
            Any(Exchanges), Flip() ? Destination.Queue(Any(Queues)) : Destination.Exchange(Any(Exchanges)), Any(Keys), Any(Arguments));
        DeleteQueue DeleteQueue(string name) => new("/", name, topology.Find("/")!.FindQueue(name)?.Id ?? default, requester);
    }
}
