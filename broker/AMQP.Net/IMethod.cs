namespace AMQP.Net;

/// <summary>
/// One method of the protocol: its number and how its arguments stand on the wire. Implementations are readonly record
/// structs, grouped in one file per AMQP class, a line of the specification each.
/// </summary>
public interface IMethod<TSelf>
    where TSelf : struct, IMethod<TSelf>
{
    static abstract MethodId Id { get; }

    /// <summary>Reads the arguments; the reader stands behind the method number.</summary>
    /// <exception cref="ProtocolException">The bytes are not this method's arguments.</exception>
    static abstract TSelf Read(ref WireReader reader);

    /// <summary>Writes the arguments, without the method number.</summary>
    void Write(ref WireWriter writer);
}
