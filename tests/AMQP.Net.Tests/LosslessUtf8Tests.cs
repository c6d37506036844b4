using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace AMQP.Net.Tests;

/// <summary>Bytes that need not be UTF-8 are strings and bytes again without loss.</summary>
internal sealed class LosslessUtf8Tests
{
    private static readonly Config Seeded = Config.QuickThrowOnFailure.WithMaxTest(5000).WithReplay(20261122UL, 7UL);

    /// <summary>Random octets would hardly ever meet UTF-8: so whole characters, the beginnings and ends of some, and single octets in a row.</summary>
    private static readonly Gen<byte[]> Octets = Gen.ArrayOf(Gen.OneOf(
        Gen.Elements("a", ".", "é", "€", "😀", "\uFFFD", "\0").Select(Encoding.UTF8.GetBytes),
        Gen.Elements("C3", "E2 82", "F0 9F 98", "A9", "ED A0 80", "ED B3 A9", "C0 80", "F4 90 80 80").Select(Bytes.Of),
        Gen.Choose(0, 255).Select(value => new[] { (byte)value }))).Select(pieces => pieces.SelectMany(piece => piece).ToArray());

    [Test]
    public void All_bytes_come_back_as_they_were() =>
        Prop.ForAll(Octets.ToArbitrary(), bytes =>
        {
            var text = LosslessUtf8.GetString(bytes);
            Assert.That(LosslessUtf8.GetByteCount(text), Is.EqualTo(bytes.Length));
            Assert.That(LosslessUtf8.GetBytes(text), Is.EqualTo(bytes));
        }).Check(Seeded);

    [Test]
    public void Strings_are_equal_when_their_bytes_are_and_else_not() =>
        Prop.ForAll(Octets.ToArbitrary(), Octets.ToArbitrary(), (one, other) =>
            Assert.That(LosslessUtf8.GetString(one) == LosslessUtf8.GetString(other), Is.EqualTo(one.AsSpan().SequenceEqual(other)))).Check(Seeded);

    [Test]
    public void The_words_of_a_key_are_those_of_its_bytes() =>
        Prop.ForAll(Octets.ToArbitrary(), bytes =>
            Assert.That(LosslessUtf8.GetString(bytes).Split('.'), Is.EqualTo(Words(bytes)))).Check(Seeded);

    [Test]
    public void A_pool_a_reader_and_a_writer_pass_all_bytes_on() =>
        Prop.ForAll(Octets.Where(bytes => bytes.Length < 256).ToArbitrary(), bytes =>
        {
            byte[] wire = [(byte)bytes.Length, .. bytes];
            foreach (var strings in new[] { null, new ShortStringPool() })
            {
                var written = new byte[wire.Length];
                var writer = new WireWriter(written);
                writer.WriteShortString(new WireReader(wire, strings).ReadUncheckedShortString());
                Assert.That(written, Is.EqualTo(wire));
            }
        }).Check(Seeded);

    [TestCase("61 C3A9 62", "aéb")]
    [TestCase("61 E9 62", "a<E9>b")]
    [TestCase("F09F9880", "😀")]
    [TestCase("F09F98", "<F0><9F><98>", Description = "a character cut short")]
    [TestCase("C3", "<C3>")]
    [TestCase("C3 28", "<C3>(")]
    [TestCase("C080", "<C0><80>", Description = "the long way to write zero")]
    [TestCase("EDA080", "<ED><A0><80>", Description = "half of a surrogate pair")]
    [TestCase("EDB3A9", "<ED><B3><A9>", Description = "what stands for E9, in what might be taken for UTF-8")]
    [TestCase("EFBFBD", "\uFFFD")]
    public void Bytes_that_are_no_UTF8_become_halves_of_pairs(string bytes, string text) =>
        Assert.That(Shown(LosslessUtf8.GetString(Bytes.Of(bytes))), Is.EqualTo(text));

    [Test]
    public void Other_halves_of_pairs_are_written_as_everywhere()
    {
        foreach (var text in new[] { "a\uD800", "\uDC7F", "\uDD00b", "\uDCE9\uD83Dc" })
            Assert.That(LosslessUtf8.GetBytes(text).AsSpan().IndexOf("\uFFFD"u8), Is.GreaterThanOrEqualTo(0));
        Assert.That(LosslessUtf8.GetBytes("\uDD00b\uDCE9"), Is.EqualTo(Bytes.Of("EFBFBD 62 E9")));
    }

    /// <summary>Halves of pairs cannot stand in an attribute: <c>&lt;E9&gt;</c> for U+DCE9.</summary>
    private static string Shown(string text)
    {
        var shown = new StringBuilder();
        for (var i = 0; i < text.Length; i++)
        {
            if (char.IsLowSurrogate(text[i]) && (i == 0 || !char.IsHighSurrogate(text[i - 1]))) shown.Append($"<{text[i] - 0xDC00:X2}>");
            else shown.Append(text[i]);
        }
        return shown.ToString();
    }

    private static List<string> Words(byte[] bytes)
    {
        var words = new List<string>();
        var start = 0;
        for (var i = 0; i <= bytes.Length; i++)
        {
            if (i < bytes.Length && bytes[i] != (byte)'.') continue;
            words.Add(LosslessUtf8.GetString(bytes.AsSpan(start, i - start)));
            start = i + 1;
        }
        return words;
    }
}
