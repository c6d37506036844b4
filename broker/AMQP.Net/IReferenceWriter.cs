namespace AMQP.Net;

/// <summary>An output that takes large pieces where they lie, instead of copying them.</summary>
public interface IReferenceWriter
{
    /// <summary>Writes bytes behind what was written before. They are backed by an array, and must not change until they have been sent.</summary>
    void WriteByReference(ReadOnlyMemory<byte> bytes);
}
