using System.Diagnostics;
using Amqp.Core.Security;

namespace Amqp.Core.Tests.Security;

/// <summary>Which names a pattern matches, as RabbitMQ's engine (PCRE) would.</summary>
public class NamePatternTests
{
    [TestCase(".*", "anything", true)]
    [TestCase(".*", "", true)]
    [TestCase("", "", true)]
    [TestCase("", "a", false, TestName = "an empty pattern allows nothing that has a name")]
    [TestCase("b", "abc", true, TestName = "it matches anywhere")]
    [TestCase("^b", "abc", false)]
    [TestCase("^a", "abc", true)]
    [TestCase("^a$", "abc", false)]
    [TestCase("^(a|b)$", "b", true)]
    [TestCase(@"^amq\.gen-", "amq.gen-x", true)]
    [TestCase(@"^amq\.gen-", "amqXgen-x", false)]
    [TestCase("^A", "a", false, TestName = "case counts")]
    [TestCase("(?i)^A", "a", true)]
    [TestCase("a$", "a\n", true)]
    [TestCase(@"a\z", "a\n", false)]
    public void A_pattern_matches(string pattern, string name, bool matches) => Expect(pattern, name, matches);

    [Test]
    public void A_byte_that_is_no_UTF8_is_one_character()
    {
        Expect("^caf.$", "caf\uDCE9", matches: true);
        Expect(@"^caf\W$", "caf\uDCE9", matches: true);
        Expect("^café$", "caf\uDCE9", matches: false);
        Expect("^(?!x).*\uFFFD", "caf\uDCE9", matches: false);
    }

    [TestCase(@"^(?!amq\.).*", "orders", true)]
    [TestCase(@"^(?!amq\.).*", "amq.direct", false)]
    [TestCase(@"^(?<!x)y", "y", true)]
    [TestCase(@"^(a+)b\1$", "aabaa", true)]
    [TestCase(@"^(a+)b\1$", "aaba", false)]
    public void Look_arounds_and_back_references_work(string pattern, string name, bool matches) => Expect(pattern, name, matches);

    [TestCase(@"^\d+$", "42", true)]
    [TestCase(@"^\d+$", "٤٢", false, TestName = "digits are ASCII")]
    [TestCase(@"^\w+$", "queue_1", true)]
    [TestCase(@"^\w+$", "größe", false, TestName = "letters are ASCII")]
    [TestCase(@"^\W$", "ö", true)]
    [TestCase(@"^\W$", "[", true)]
    [TestCase(@"^\W$", "_", false)]
    [TestCase(@"^\W$", "a", false)]
    [TestCase(@"^\D$", "5", false)]
    [TestCase(@"^\S+$", "a b", false)]
    [TestCase(@"^\S+$", "a\u00A0b", true)]
    [TestCase(@"^a\sb$", "a b", true)]
    [TestCase(@"^[\w-]+$", "a-b_c", true, TestName = "a hyphen behind a set")]
    [TestCase(@"^[\w.-]+$", "a.b-c", true)]
    [TestCase(@"^[^\d]$", "5", false)]
    [TestCase(@"^[\D]$", "5", false)]
    [TestCase(@"^[\Wa]$", "a", true)]
    public void Sets_are_of_ASCII(string pattern, string name, bool matches) => Expect(pattern, name, matches);

    [TestCase("^[[:alpha:]]+$", "abc", true)]
    [TestCase("^[[:alpha:]]+$", "ab1", false)]
    [TestCase("^[[:alpha:]]$", ":", false, TestName = "a class by name is not its letters")]
    [TestCase("^[[:alpha:]]$", "a]", false)]
    [TestCase("^[[:digit:][:upper:]_]+$", "A_1", true)]
    [TestCase("^[[:digit:]-]+$", "1-2", true)]
    [TestCase("^[^[:punct:]]+$", "a.b", false)]
    [TestCase("^[a[]$", "[", true)]
    [TestCase("^[a-z-[b]]$", "b", false, TestName = "nothing is subtracted from a class: this asks for a ] at the end")]
    [TestCase("^[a-z-[b]]$", "b]", true)]
    [TestCase("^[]a]$", "]", true)]
    [TestCase("^[^]a]$", "]", false)]
    [TestCase(@"^[\]a]$", "]", true)]
    [TestCase(@"^\Qa.b\E$", "a.b", true)]
    [TestCase(@"^\Qa.b\E$", "axb", false)]
    [TestCase(@"^a\Q.*", "a.*", true)]
    [TestCase(@"^\\d$", @"\d", true)]
    public void Classes_are_those_of_PCRE(string pattern, string name, bool matches) => Expect(pattern, name, matches);

    [TestCase("(", "Not enough )'s")]
    [TestCase("[a", "Unterminated")]
    [TestCase("*", "Quantifier")]
    [TestCase("a++", "quantifier")]
    [TestCase("[[:letter:]]", "[:letter:]")]
    [TestCase(@"a\", "Illegal")]
    public void What_is_no_pattern_says_why_and_matches_nothing(string pattern, string reason)
    {
        Assert.That(new NamePattern(pattern).Defect, Does.Contain(reason));
        Assert.That(new NamePattern(pattern).IsMatch("a"), Is.False);
    }

    [Test]
    public void A_pattern_has_a_longest_length()
    {
        Assert.That(new NamePattern(new string('a', Limits.PatternCharacters)).Defect, Is.Null);
        Assert.That(new NamePattern(new string('a', Limits.PatternCharacters + 1)).Defect, Does.Contain("4096"));
    }

    [TestCase(@"^(a+)+$")]
    [TestCase(@"^(a|aa)+$")]
    [TestCase(@"^(.*a){20}$")]
    [TestCase(@"^(?!b)(a+)+$", Description = "only a backtracking engine can run this one")]
    [TestCase(@"^(a*)*\1b$")]
    [TestCase(@"^((a{0,100}){0,100}){0,100}$")]
    public void No_pattern_takes_long(string pattern)
    {
        var name = new string('a', 250) + "!";
        var asked = new NamePattern(pattern);
        Assert.That(asked.Defect, Is.Null);
        var watch = Stopwatch.StartNew();
        Assert.That(asked.IsMatch(name), Is.False);
        // A machine that does other things besides is granted twenty times the limit. Unbounded, they would take years.
        Assert.That(watch.ElapsedMilliseconds, Is.LessThan(20 * Limits.PatternMs));
    }

    [Test]
    public void A_pattern_that_explodes_is_answered_right_all_the_same()
    {
        var pattern = new NamePattern("^(a|a)*(b|c)$");
        Assert.That(pattern.IsMatch(new string('a', 250)), Is.False);
        Assert.That(pattern.IsMatch(new string('a', 250) + "c"), Is.True);
        Assert.That(pattern.IsMatch("xb"), Is.False);
    }

    [Test]
    public void A_pattern_takes_little_memory()
    {
        NamePattern[] Used(int count) => [.. Enumerable.Range(0, count).Select(i =>
        {
            var pattern = new NamePattern($"^application{i}[.].*$");
            Assert.That(pattern.IsMatch($"application{i}.orders"), Is.True);
            return pattern;
        })];
        Used(10);
        var before = GC.GetTotalMemory(forceFullCollection: true);
        var used = Used(1_000);
        Assert.That((GC.GetTotalMemory(forceFullCollection: true) - before) / 1_000, Is.LessThan(20_000), "bytes for a pattern");
        GC.KeepAlive(used);
    }

    [TestCase("^{username}$", "a.b", true)]
    [TestCase("^{username}$", "axb", false, TestName = "a dot in a user's name is a dot")]
    [TestCase("^{username}-{vhost}$", "a.b-/v", true)]
    [TestCase("^{client_id}$", "{client_id}", true, TestName = "what nobody knows stands for itself")]
    [TestCase("^a{2}{username}$", "aaa.b", true)]
    public void Variables_stand_for_names(string pattern, string key, bool matches) => Assert.That(
        new TopicPermissions("/v", "a.b", write: pattern, read: "").For(Access.Write).IsMatch(key), Is.EqualTo(matches));

    private static void Expect(string pattern, string name, bool matches)
    {
        var asked = new NamePattern(pattern);
        Assert.That(asked.Defect, Is.Null);
        Assert.That(asked.IsMatch(name), Is.EqualTo(matches));
    }
}
