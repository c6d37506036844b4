using System.Text;

namespace AMQP.Net.Tests;

internal sealed class WireTests
{
    [Test]
    public void Nine_bits_take_two_octets_and_another_field_ends_their_run()
    {
        var bytes = new byte[4];
        var writer = new WireWriter(bytes);
        for (var i = 0; i < 9; i++) writer.WriteBit(i is 0 or 7 or 8);
        writer.WriteByte(5);
        writer.WriteBit(true);
        Assert.That(writer.Length, Is.EqualTo(4));
        Assert.That(bytes, Is.EqualTo(Bytes.Of("81 01 05 01")));

        var reader = new WireReader(bytes);
        for (var i = 0; i < 9; i++) Assert.That(reader.ReadBit(), Is.EqualTo(i is 0 or 7 or 8));
        Assert.That(reader.ReadByte(), Is.EqualTo(5));
        Assert.That(reader.ReadBit(), Is.True);
        Assert.That(reader.Remaining, Is.Zero);
    }

    [Test]
    public void A_writer_without_room_counts_on()
    {
        var writer = new WireWriter(new byte[3]);
        writer.WriteShortString("abc");
        Assert.That(writer.Overflowed, Is.True);
        writer.WriteBit(true);
        var begin = writer.BeginLong();
        writer.WriteLongString("é");
        writer.EndLong(begin);
        Assert.That(writer.Length, Is.EqualTo(4 + 1 + 4 + 4 + 2));
    }

    [TestCase("01 FF")]
    [TestCase("02 C328")]
    [TestCase("03 EDA080", Description = "half of a surrogate pair")]
    public void A_short_string_that_is_not_UTF8_gets_RabbitMQs_answer(string bytes)
    {
        foreach (var strings in new[] { null, new ShortStringPool() })
        {
            var failure = Assert.Throws<ProtocolException>(() => new WireReader(Bytes.Of(bytes), strings).ReadShortString());
            Assert.That((failure.Code, failure.Message), Is.EqualTo((ReplyCode.FrameError, "Malformed UTF-8 in shortstr")));
        }
    }

    [Test]
    public void A_routing_key_in_the_pool_does_not_make_a_name_of_the_same_bytes_valid()
    {
        var strings = new ShortStringPool();
        Assert.That(new WireReader([1, 0xFF], strings).ReadUncheckedShortString(), Is.EqualTo("\uDCFF"));
        Assert.That(() => new WireReader([1, 0xFF], strings).ReadShortString(), Throws.TypeOf<ProtocolException>());
    }

    [Test]
    public void A_short_string_too_long_to_write_is_the_callers_mistake() =>
        Assert.That(() => new WireWriter(new byte[1000]).WriteShortString(new string('é', 128)), Throws.ArgumentException);

    [Test]
    public void The_pool_gives_the_same_string_again()
    {
        var strings = new ShortStringPool();
        var first = strings.Get("größe"u8);
        Assert.That(first, Is.EqualTo("größe"));
        Assert.That(strings.Get("größe"u8), Is.SameAs(first));
    }

    [Test]
    public void The_pool_grows_with_the_names_in_use()
    {
        var strings = new ShortStringPool();
        var names = Enumerable.Range(0, 100).Select(number => Encoding.UTF8.GetBytes($"queue-{number}")).ToList();
        foreach (var name in names) strings.Get(name);
        var first = names.ConvertAll(name => strings.Get(name));
        var again = names.ConvertAll(name => strings.Get(name));
        Assert.That(first.Zip(again).Count(pair => ReferenceEquals(pair.First, pair.Second)), Is.GreaterThan(50));
    }

    [Test]
    public void The_pool_never_confuses_strings()
    {
        var strings = new ShortStringPool();
        for (var round = 0; round < 2; round++)
        {
            for (var i = 0; i < 2000; i++)
            {
                var text = new string('a', i % 70) + i;
                Assert.That(strings.Get(Encoding.UTF8.GetBytes(text)), Is.EqualTo(text));
            }
        }
    }

    [TestCase("'AMQP' 00 00 09 01", true)]
    [TestCase("'AMQP' 01 01 00 09", true)]
    [TestCase("'AMQP' 01 01 08 00", false)]
    [TestCase("'AMQP' 00 01 00 00", false)]
    [TestCase("'GET / HT'", false)]
    public void A_protocol_header_is_supported_or_not(string bytes, bool supported)
    {
        Assert.That(ProtocolHeader.TryRead(Bytes.Sequence(Bytes.Cut(Bytes.Of(bytes), 3)), out var isSupported), Is.True);
        Assert.That(isSupported, Is.EqualTo(supported));
        Assert.That(ProtocolHeader.TryRead(Bytes.Sequence(Bytes.Of(bytes)[..7]), out _), Is.False);
    }

    [Test]
    public void The_protocol_header_is_that_of_the_specification() =>
        Assert.That(ProtocolHeader.Bytes.ToArray(), Is.EqualTo(Bytes.Of("'AMQP' 00 00 09 01")));
}
