using System.Buffers;
using System.Text.Json;

namespace Amqp.Cluster.Links;

/// <summary>Who is there, and what for. It is JSON, so that later versions may say more.</summary>
/// <param name="MinVersion">The lowest version of what nodes say to each other that this node understands.</param>
/// <param name="MaxVersion">The highest; the lower of both sides' is spoken.</param>
/// <param name="Node">Its name.</param>
/// <param name="Epoch">
/// Of its start (<see cref="Core.Ports.StoredTopology.Epoch"/>). 0 in the hello of the node that connects: it only asks (<see cref="LinkQuestion"/>), since it may be no member yet. 0 in the
/// answer to that: the node is starting, and takes nothing but questions.
/// </param>
internal sealed record LinkHello(int MinVersion, int MaxVersion, string Node, uint Epoch, LinkLane Lane)
{
    /// <summary>No hello takes more.</summary>
    public const int BytesMax = 4_096;

    /// <summary>What this broker speaks.</summary>
    public const int Version = 1;

    public static LinkHello Of(string node, uint epoch, LinkLane lane) => new(Version, Version, node, epoch, lane);

    public LinkMessage ToMessage() => new LinkBytes(LinkFrame.Hello, JsonSerializer.SerializeToUtf8Bytes(this));

    /// <exception cref="InvalidDataException">It is none, or both sides have no version in common.</exception>
    public static LinkHello Read(in ReadOnlySequence<byte> payload)
    {
        try
        {
            var reader = new Utf8JsonReader(payload);
            var hello = JsonSerializer.Deserialize<LinkHello>(ref reader);
            if (hello is not { Node.Length: > 0 } || !Enum.IsDefined(hello.Lane)) throw new InvalidDataException("it does not say who it is");
            if (hello.MinVersion > Version || hello.MaxVersion < Version)
                throw new InvalidDataException($"node {hello.Node} speaks versions {hello.MinVersion} to {hello.MaxVersion} of the links, and this one {Version}");
            return hello;
        }
        catch (JsonException exception)
        {
            throw new InvalidDataException("it does not say who it is", exception);
        }
    }
}
