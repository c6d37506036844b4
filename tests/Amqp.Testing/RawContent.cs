using System.Text;
using AMQP.Net;

namespace Amqp.Testing;

/// <summary>A content as it came: the very bytes of its properties, and its body put together.</summary>
/// <param name="Properties">Property flags and properties.</param>
/// <param name="BodyFrames">The sizes of the frames the body came in.</param>
public sealed record RawContent(byte[] Properties, byte[] Body, IReadOnlyList<int> BodyFrames)
{
    public BasicProperties BasicProperties => new(Properties);

    public string Text => Encoding.UTF8.GetString(Body);
}
