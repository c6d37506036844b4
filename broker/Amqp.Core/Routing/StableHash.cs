using System.Runtime.InteropServices;

namespace Amqp.Core.Routing;

/// <summary>
/// A number for a text that is the same in every process and on every node, for exchanges that spread messages by it: FNV-1a over the text's UTF-16, and
/// the last step of MurmurHash3, so that texts that differ in their last character only are spread as well.
/// </summary>
internal static class StableHash
{
    public const ulong Start = 14_695_981_039_346_656_037;

    private const ulong Prime = 1_099_511_628_211;

    /// <param name="before">What came before this text, to hash several as one.</param>
    public static ulong Of(ReadOnlySpan<char> text, ulong before = Start)
    {
        foreach (var value in MemoryMarshal.AsBytes(text)) before = (before ^ value) * Prime;
        return Mix(before);
    }

    public static ulong Mix(ulong hash)
    {
        hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccd;
        hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53;
        return hash ^ (hash >> 33);
    }
}
