using AMQP.Net;
using Amqp.Core.Topology;

namespace Amqp.Core.Tests.Topology;

/// <summary>Commands made from numbers, over so few names that they meet all the time.</summary>
internal static class RandomCommands
{
    private static readonly string[] Exchanges = ["amq.topic", "x1", "x2", "x3", "x4"];
    private static readonly string[] Queues = ["q1", "q2", "q3", "q4"];
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
        var requester = new ConnectionId(random.Next(2));
        return random.Next(10) switch
        {
            0 or 1 => new DeclareExchange("/", Any(Exchanges), Any(Types), Flip(), Flip(), Flip(), FieldTable.Empty),
            2 or 3 => new DeclareQueue("/", Any(Queues), Flip(), Flip(), random.Next(4) == 0, FieldTable.Empty, requester),
            4 or 5 or 6 => new Bind("/", Binding(), requester),
            7 => new Unbind("/", topology.Find("/")!.Bindings.All.FirstOrDefault() ?? Binding(), requester),
            8 => new DeleteExchange("/", Any(Exchanges), Flip()),
            _ => DeleteQueue(Any(Queues)),
        };

        bool Flip() => random.Next(2) == 0;
        T Any<T>(T[] values) => values[random.Next(values.Length)];
        Binding Binding() => new(
            Any(Exchanges), Flip() ? Destination.Queue(Any(Queues)) : Destination.Exchange(Any(Exchanges)), Any(Keys), Any(Arguments));
        DeleteQueue DeleteQueue(string name) => new("/", name, topology.Find("/")!.FindQueue(name)?.Id ?? default, requester);
    }
}
