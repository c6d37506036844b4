namespace Amqp.Core.Records;

/// <summary>
/// The position of a message in its queue: a number that no other message of the queue ever gets, whatever is forgotten of the queue
/// meanwhile. Its upper bits are an epoch, which begins anew with each start of the node (and, in a cluster, with each leader of the queue); its
/// lower ones count within that:
/// <code>
/// 63   62       40  39         0
/// +---+-----------+------------+
/// | 0 |   epoch   |   number   |      eight million epochs, a million million messages in each
/// +---+-----------+------------+
/// </code>
/// So positions grow in the order in which messages arrive. A queue that lives to see the end of its epoch's numbers goes on with the next
/// epoch's: on one node that is harmless, because the next start begins above every position that is still known.
/// <para>
/// A message may come once more at a position that a store has settled: its next leader did not know of that. All that the store has on the disk of the one before, its
/// settlement above all, would fit this one too. So the store names it by a key that nothing had before, in records and in its index; bit 63 is set in a key, its
/// epoch is one of the starts of this node, and outside of the store none is ever seen.
/// </para>
/// </summary>
public static class Positions
{
    /// <summary>The highest epoch there can be.</summary>
    public const uint EpochMax = (1u << (63 - NumberBits)) - 1;

    private const int NumberBits = 40;

    /// <summary>The first position of an epoch.</summary>
    /// <param name="epoch">At most <see cref="EpochMax"/>.</param>
    public static long First(uint epoch) => Of(epoch, number: 0);

    public static long Of(uint epoch, long number) => ((long)epoch << NumberBits) | number;

    public static uint EpochOf(long position) => (uint)(position >>> NumberBits);

    public static long NumberOf(long position) => position & ((1L << NumberBits) - 1);

    /// <summary>Below the first key that a start of this node gives.</summary>
    /// <param name="epoch">The start's; at most <see cref="EpochMax"/>.</param>
    public static long KeysFrom(uint epoch) => long.MinValue | First(epoch);

    /// <summary>It is no position, but what the store calls a message that came again.</summary>
    public static bool IsKey(long key) => key < 0;
}
