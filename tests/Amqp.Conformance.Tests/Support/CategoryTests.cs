using System.Reflection;
using Amqp.Testing;

namespace Amqp.Conformance.Tests.Support;

/// <summary>The house rules of this assembly.</summary>
[Same]
public sealed class CategoryTests
{
    private static readonly string[] Categories = ["same", "newer", "ours"];

    private static IEnumerable<Type> Fixtures() =>
        typeof(CategoryTests).Assembly.GetTypes().Where(type => type is { IsClass: true, IsAbstract: false } && Tests(type).Any());

    [TestCaseSource(nameof(Fixtures))]
    public void Every_test_says_what_it_is_held_against(Type fixture)
    {
        Assert.Multiple(() =>
        {
            foreach (var test in Tests(fixture))
            {
                // The nearest to the test counts.
                var categories = Of(test).ToList();
                if (categories.Count == 0) categories = [.. Of(fixture)];
                Assert.That(categories, Has.Count.EqualTo(1), $"{fixture.Name}.{test.Name} needs one of [Same], [Newer], [Ours]");
            }
        });
    }

    [Test]
    public void Every_deliberate_difference_has_its_line()
    {
        var lines = File.ReadAllText(Repository.PathOf("tests", "DIFFERENCES.md"));
        var ours = Fixtures().SelectMany(fixture => Tests(fixture).Where(test => Of(test).Concat(Of(fixture)).Contains("ours")));
        Assert.Multiple(() =>
        {
            foreach (var test in ours) Assert.That(lines, Does.Contain($"`{test.Name}`"), "tests/DIFFERENCES.md names the test");
        });
    }

    private static IEnumerable<MethodInfo> Tests(Type type) =>
        type.GetMethods().Where(method =>
            method.IsDefined(typeof(TestAttribute)) || method.IsDefined(typeof(TestCaseAttribute)) || method.IsDefined(typeof(TestCaseSourceAttribute)));

    private static IEnumerable<string> Of(MemberInfo member) =>
        member.GetCustomAttributes<CategoryAttribute>().Select(category => category.Name).Where(name => Categories.Contains(name));
}
