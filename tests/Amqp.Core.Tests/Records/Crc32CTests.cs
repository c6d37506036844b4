using Amqp.Core.Records;

namespace Amqp.Core.Tests.Records;

internal sealed class Crc32CTests
{
    private const uint Polynomial = 0x82F6_3B78;

    [Test]
    public void The_test_value_of_the_polynomial() => Assert.That(Crc32C.Of("123456789"u8), Is.EqualTo(0xE306_9283));

    [Test]
    public void Every_length_has_the_checksum_that_bit_by_bit_gives()
    {
        var bytes = new byte[2_500];
        new Random(1).NextBytes(bytes);
        var running = uint.MaxValue;
        for (var length = 0; length <= bytes.Length; length++)
        {
            if (Crc32C.Of(bytes.AsSpan(0, length)) != ~running) Assert.Fail($"{length} bytes");
            if (length < bytes.Length) running = BitByBit(running, bytes[length]);
        }
    }

    [Test]
    public void Bytes_behind_others_continue_their_checksum([Values(0, 1, 7, 1_008, 1_009, 8_192)] int first, [Values(0, 3, 1_007, 4_096)] int second)
    {
        var bytes = new byte[first + second];
        new Random(first + second).NextBytes(bytes);
        Assert.That(Crc32C.Of(bytes.AsSpan(first), ~Crc32C.Of(bytes.AsSpan(0, first))), Is.EqualTo(Crc32C.Of(bytes)));
    }

    private static uint BitByBit(uint crc, byte value)
    {
        crc ^= value;
        for (var bit = 0; bit < 8; bit++) crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ Polynomial;
        return crc;
    }
}
