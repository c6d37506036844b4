using System.Buffers.Binary;

namespace AMQP.Net;

/// <summary>
/// Remembers short strings by their bytes, so that an exchange name or routing key that comes with every message becomes a
/// string once and not once a message. Direct-mapped: a new string takes the slot of an older one. A pool begins small, as most
/// connections use few names, and grows while that happens, up to 256 strings. Not thread-safe; one per connection.
/// </summary>
public sealed class ShortStringPool
{
    /// <summary>Strings longer than this (bytes) are decoded each time: they are rare and would make the pool large.</summary>
    private const int PooledLengthMax = 64;
    private const int SlotsMin = 16;
    private const int SlotsMax = 256;

    private Slot[] _slots = new Slot[SlotsMin];

    /// <summary>The string of these bytes, <see cref="LosslessUtf8"/>.</summary>
    public string Get(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > PooledLengthMax) return LosslessUtf8.GetString(bytes);
        ref var slot = ref SlotOf(bytes);
        if (slot.Text is not null && bytes.SequenceEqual(slot.Bytes)) return slot.Text;
        var text = LosslessUtf8.GetString(bytes);
        if (slot.Text is not null && _slots.Length < SlotsMax)
        {
            Grow();
            slot = ref SlotOf(bytes);
        }
        slot = new Slot { Text = text, Bytes = bytes.ToArray() };
        return text;
    }

    /// <summary>By the upper bits of the hash: on the lower ones the last bytes of a string have no influence.</summary>
    private ref Slot SlotOf(ReadOnlySpan<byte> bytes) => ref _slots[(int)((Hash(bytes) * (ulong)_slots.Length) >> 32)];

    private void Grow()
    {
        var known = _slots;
        _slots = new Slot[4 * known.Length];
        foreach (var slot in known)
        {
            if (slot.Text is not null) SlotOf(slot.Bytes) = slot;
        }
    }

    private static uint Hash(ReadOnlySpan<byte> bytes)
    {
        const ulong Factor = 0x9E3779B97F4A7C15;
        var hash = (ulong)bytes.Length;
        for (; bytes.Length >= 8; bytes = bytes[8..])
        {
            hash = (hash ^ BinaryPrimitives.ReadUInt64LittleEndian(bytes)) * Factor;
            hash ^= hash >> 32;
        }
        foreach (var value in bytes) hash = (hash ^ value) * Factor;
        return (uint)(hash >> 32);
    }

    private struct Slot
    {
        public string? Text;
        public byte[]? Bytes;
    }
}
