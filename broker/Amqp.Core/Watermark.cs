namespace Amqp.Core;

/// <summary>
/// Where an alarm begins: at a number of bytes, or at so many times the memory that the process may use. RabbitMQ's
/// <c>absolute 2GB</c> and <c>0.4</c>, and of the disk <c>50MB</c> and <c>mem_relative 1.0</c>.
/// </summary>
public readonly record struct Watermark
{
    private Watermark(long? bytes, double? ofMemory) => (Bytes, OfMemory) = (bytes, ofMemory);

    /// <summary>Bytes; null when it is given by <see cref="OfMemory"/>.</summary>
    public long? Bytes { get; }

    /// <summary>Times the memory that the process may use; null when it is given by <see cref="Bytes"/>.</summary>
    public double? OfMemory { get; }

    /// <exception cref="ArgumentOutOfRangeException">Less than none.</exception>
    public static Watermark Absolute(long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        return new Watermark(bytes, ofMemory: null);
    }

    /// <exception cref="ArgumentOutOfRangeException">Less than none, or no number.</exception>
    public static Watermark Relative(double ofMemory)
    {
        if (!double.IsFinite(ofMemory)) throw new ArgumentOutOfRangeException(nameof(ofMemory), ofMemory, "It has to be a number.");
        ArgumentOutOfRangeException.ThrowIfNegative(ofMemory);
        return new Watermark(bytes: null, ofMemory);
    }

    /// <summary>What that comes to.</summary>
    /// <param name="memoryBytes">The memory that the process may use.</param>
    public long Of(long memoryBytes) => Bytes ?? (long)(OfMemory.GetValueOrDefault() * memoryBytes);

    public override string ToString() =>
        Bytes is { } bytes ? $"{bytes} bytes" : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{OfMemory} of the memory");
}
