namespace Amqp.Tidy.Tests;

/// <summary>The rules see code through this reader; what it overlooks, they overlook.</summary>
public class CSharpTextTests
{
    [TestCase("a // b", "a")]
    [TestCase("a /* b */ c", "a  c")]
    [TestCase("a(\"b\\\"c\") d", "a() d")]
    [TestCase("a(@\"b\"\"c\\\") d", "a() d")]
    [TestCase("a('\"') b", "a() b")]
    [TestCase("a('\\'') b", "a() b")]
    [TestCase("a(\"\"\"b \" \"\" c\"\"\") d", "a() d")]
    [TestCase("$\"b {c} d\" e", "c e")]
    [TestCase("$\"b {c[\"d\"]} e\" f", "c[] f")]
    [TestCase("$\"b {c:0.0} d\" e", "c e")]
    [TestCase("$\"b {{c}} d\" e", "e")]
    [TestCase("$$\"\"\"b {c} {{d}} e\"\"\" f", "d f")]
    [TestCase("$@\"b \"\" {c} \\\" d", "c d")]
    [TestCase("#region don't\na", "a")]
    public void Only_code_is_left(string source, string code) =>
        Assert.That(Squeezed(CSharpText.Blank(source)), Is.EqualTo(Squeezed(code)));

    [Test]
    public void Lines_stay_where_they_are()
    {
        const string source = "a\n/* b\nc */ d\n\"\"\"\n  e\n  \"\"\"\nf";
        Assert.That(CSharpText.Blank(source).Split('\n'), Has.Length.EqualTo(source.Split('\n').Length));
    }

    [TestCase("class C { void F(int a)\n{\n} }", "F", 3)]
    [TestCase("class C { [X(1)]\n[Y]\npublic static (int, int) F()\n{\n} }", "F", 3)]
    [TestCase("class C { int F() =>\n1 +\n2; }", "F", 3)]
    [TestCase("class C { int F(int a) => a switch\n{\n1 => 2,\n}; }", "F", 4)]
    [TestCase("class C { void F<T>() where T : class\n{\nif (a) { b(); }\n} }", "F", 4)]
    [TestCase("class C { C(int a) : base(a)\n{\n} }", "C", 3)]
    [TestCase("class C { int P\n{\nget { return 1; }\n} }", "P", 4)]
    [TestCase("class C { class D { void F()\n{\n} } }", "F", 3)]
    [TestCase("namespace A; readonly record struct R(int A) { void F()\n{\n} }", "F", 3)]
    public void A_member_is_measured(string code, string name, int lines) =>
        Assert.That(CSharpText.Members(CSharpText.Blank(code)).MaxBy(member => member.Lines), Has.Property("Name").EqualTo(name).And.Property("Lines").EqualTo(lines));

    [Test]
    public void A_table_in_a_field_is_no_member() =>
        Assert.That(CSharpText.Members("class C { static readonly int[] T =\n[\n1,\n2,\n]; }"), Is.Empty);

    private static string Squeezed(string text) => string.Concat(text.Where(c => !char.IsWhiteSpace(c)));
}
