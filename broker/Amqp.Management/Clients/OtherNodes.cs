using System.Collections.Immutable;
using System.Text.Json;
using Amqp.Core.Ports;
using Amqp.Management.Endpoints;
using Amqp.Management.Http;

namespace Amqp.Management.Clients;

/// <summary>Clients of the other nodes of the cluster: each node is asked for its own, and shows them itself, so that a list needs not understand what is in it.</summary>
internal sealed class OtherNodes(INodeHost host)
{
    /// <summary>Asks all of them.</summary>
    public async Task<Answers> Ask(ClientQuestion question, CancellationToken cancellation)
    {
        var items = ImmutableArray.CreateBuilder<JsonElement>();
        var silent = ImmutableArray.CreateBuilder<NodeReply>();
        foreach (var reply in await host.Node.Operations.Ask(question.ToBytes(), cancellation))
        {
            if (reply.Answer is not { } answer) silent.Add(reply);
            else if (JsonElement.Parse(answer.Span) is { ValueKind: JsonValueKind.Array } list) items.AddRange(list.EnumerateArray());
        }
        return new Answers(items.ToImmutable(), silent.ToImmutable());
    }

    /// <summary>What this node answers when another one asks.</summary>
    /// <exception cref="InvalidOperationException">The node is stopped.</exception>
    /// <exception cref="InvalidDataException">It is not understood.</exception>
    public static async Task<ReadOnlyMemory<byte>> AnswerTo(INodeHost host, ReadOnlyMemory<byte> question)
    {
        using var use = host.Enter() ?? throw new InvalidOperationException("it is stopped");
        var asked = ClientQuestion.Read(question.Span);
        return Answer.Bytes(asked.What switch
        {
            ClientQuestion.Connections => await new ConnectionEndpoints(host).Here(asked),
            ClientQuestion.Channels => await new ChannelEndpoints(host).Here(asked),
            ClientQuestion.Consumers => (await new ConsumerEndpoints(host).Here(asked)).Select(consumer => consumer.Shown),
            ClientQuestion.Totals => await new OverviewEndpoints(host).Here(asked),
            ClientQuestion.Logins => new[] { new LoginEndpoints(host).Here() },
            ClientQuestion.Trails => new TraceEndpoints(host).Here(asked),
            ClientQuestion.Close => await new ConnectionEndpoints(host).CloseHere(asked),
            _ => throw new InvalidDataException($"this version does not know what '{asked.What}' is: finish the upgrade of the nodes"),
        });
    }
}

/// <summary>What came of a question to all other nodes.</summary>
/// <param name="Items">Of all answers, by the order of the nodes' names.</param>
/// <param name="Silent">The nodes that have not answered.</param>
internal sealed record Answers(ImmutableArray<JsonElement> Items, ImmutableArray<NodeReply> Silent);
