// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {Errors} from "../src/libraries/Errors.sol";
import {Keys} from "../src/libraries/Keys.sol";
import {Datanets} from "../src/registries/Datanets.sol";
import {Models} from "../src/registries/Models.sol";
import {Rules} from "../src/Rules.sol";
import {Params, Source} from "../src/Types.sol";
import {Tree, TreeKit} from "./support/Tree.sol";
import {World} from "./support/World.sol";
import {bound, vm} from "./support/Test.sol";

contract RegistriesTest is World {
    using TreeKit for Tree;

    function setUp() external {
        populate();
    }

    function sources(uint32 a, uint16 sa, uint32 b, uint16 sb) internal pure returns (Source[] memory s) {
        s = new Source[](2);
        s[0] = Source(a, 1, sa);
        s[1] = Source(b, 1, sb);
    }

    function register(uint32 base_, uint32 parent, Source[] memory s) internal returns (uint32) {
        vm.prank(OWNER);
        return models.register(base_, parent, [bytes32("h"), "m", "i"], s, 1, 2, "x");
    }

    function expectRefusal(bytes4 why, uint32 base_, uint32 parent, Source[] memory s) internal {
        vm.prank(OWNER);
        vm.expectRevert(why);
        models.register(base_, parent, [bytes32("h"), "m", "i"], s, 1, 2, "x");
    }

    // ---- models

    function test_a_model_names_its_lineage_or_is_refused() external {
        Source[] memory none = new Source[](0);
        uint32 child = register(base, adapter, sources(1, 1, 2, 9_999));
        vm.assertEq(models.model(child).parent, adapter);
        vm.assertEq(models.indexOf(child), bytes32("i"));
        expectRefusal(Errors.UnknownModel.selector, 99, 0, none);
        expectRefusal(Errors.UnknownModel.selector, adapter, 0, none); // an adapter is no base
        expectRefusal(Errors.UnknownModel.selector, base, 99, none);
        expectRefusal(Errors.UnknownModel.selector, base, base, none);
        expectRefusal(Errors.UnknownModel.selector, 0, adapter, none); // a base continues nothing
        expectRefusal(Errors.MalformedSources.selector, base, 0, sources(1, 1, 2, 9_998));
        expectRefusal(Errors.MalformedSources.selector, base, 0, sources(2, 5_000, 1, 5_000));
        expectRefusal(Errors.MalformedSources.selector, base, 0, sources(1, 5_000, 1, 5_000));
        expectRefusal(Errors.MalformedSources.selector, base, 0, sources(1, 10_000, 2, 0));
        expectRefusal(Errors.MalformedSources.selector, base, 0, new Source[](17));
        expectRefusal(Errors.UnknownDatanet.selector, base, 0, sources(1, 5_000, 3, 5_000));
        Source[] memory future = sources(1, 5_000, 2, 5_000);
        future[1].version = 2;
        expectRefusal(Errors.UnknownDatanet.selector, base, 0, future);
        future[1].version = 0;
        expectRefusal(Errors.UnknownDatanet.selector, base, 0, future);
    }

    function test_registering_costs_the_fee() external {
        uint256 treasury = settlement.balanceOf(address(timelock));
        register(0, 0, new Source[](0));
        vm.assertEq(settlement.balanceOf(address(timelock)), treasury + 10 ether);
        vm.prank(WATCHER);
        vm.expectRevert(abi.encodeWithSelector(Errors.InsufficientBalance.selector, 0));
        models.register(0, 0, [bytes32("h"), "m", "i"], new Source[](0), 0, 0, "");
        vm.prank(WATCHER);
        vm.expectRevert(abi.encodeWithSelector(Errors.InsufficientBalance.selector, 0));
        datanets.create("x");
    }

    function test_terms_hosts_and_owner_change_by_the_owner_alone() external {
        vm.startPrank(WATCHER);
        vm.expectRevert(Errors.NotAllowed.selector);
        models.setTerms(adapter, 5, 6, Models.Status.Paused, "y");
        vm.expectRevert(Errors.NotAllowed.selector);
        models.setHost(adapter, 1, true, "y");
        vm.expectRevert(Errors.NotAllowed.selector);
        models.offer(adapter, WATCHER);
        vm.expectRevert(Errors.NotAllowed.selector);
        models.accept(adapter);
        vm.stopPrank();
        vm.startPrank(OWNER);
        models.setTerms(adapter, 5, 6, Models.Status.Paused, "y");
        models.setHost(adapter, 1, true, "y");
        vm.expectRevert(Errors.UnknownContributor.selector);
        models.setHost(adapter, PEOPLE + 1, true, "y");
        vm.expectRevert(Errors.UnknownContributor.selector);
        models.setHost(adapter, 0, true, "y");
        models.offer(adapter, WATCHER);
        vm.stopPrank();
        vm.assertTrue(models.serves(adapter, 1));
        vm.assertEq(models.model(adapter).price, 5);
        vm.prank(WATCHER);
        models.accept(adapter);
        vm.assertEq(models.ownerOf(adapter), WATCHER);
        // what was earned before goes to the owner of the day
        settle(adapter, 0, 10 ether, "");
        checkpointAll();
        claim(Keys.MODEL | adapter);
        vm.assertEq(WATCHER.balance, 1.5 ether);
    }

    // ---- Datanets

    function test_U1_units_only_grow() external {
        (uint32[] memory who, uint64[] memory units) = (new uint32[](1), new uint64[](1));
        (who[0], units[0]) = (1, 10);
        vm.startPrank(CURATOR);
        vm.expectRevert(Errors.UnitsOnlyGrow.selector);
        datanets.grant(1, who, units);
        units[0] = 11;
        datanets.grant(1, who, units);
        vm.assertEq(datanets.datanet(1).units, 211);
        who[0] = PEOPLE + 1;
        vm.expectRevert(Errors.UnknownContributor.selector);
        datanets.grant(1, who, units);
        who[0] = 0;
        vm.expectRevert(Errors.UnknownContributor.selector);
        datanets.grant(1, who, units);
        vm.expectRevert(Errors.LengthMismatch.selector);
        datanets.grant(1, who, new uint64[](2));
        vm.stopPrank();
        vm.startPrank(WATCHER);
        vm.expectRevert(Errors.NotAllowed.selector);
        datanets.grant(1, who, units);
        vm.expectRevert(Errors.NotAllowed.selector);
        datanets.publish(1, 0, 0, "");
        vm.expectRevert(Errors.NotAllowed.selector);
        datanets.offer(1, WATCHER);
        vm.expectRevert(Errors.NotAllowed.selector);
        datanets.accept(1);
        vm.expectRevert(Errors.NotAllowed.selector);
        datanets.onIncome(Keys.DATANET | 1, 1);
        vm.stopPrank();
        vm.prank(CURATOR);
        datanets.offer(1, WATCHER);
        vm.startPrank(WATCHER);
        datanets.accept(1);
        vm.assertEq(datanets.publish(1, "root", 7, "here"), 2);
        vm.assertEq(datanets.versionOf(1, 2).rows, 7);
    }

    function test_income_before_the_first_units_waits_for_them() external {
        Source[] memory s = new Source[](1);
        vm.startPrank(CURATOR);
        uint32 id = datanets.create("empty");
        datanets.publish(id, "r", 1, "");
        vm.stopPrank();
        s[0] = Source(id, 1, 10_000);
        uint32 model = register(base, 0, s);
        settle(model, 0, 10 ether, "");
        checkpointAll();
        claim(Keys.DATANET | id);
        (uint32[] memory who, uint64[] memory units) = (new uint32[](1), new uint64[](1));
        (who[0], units[0]) = (2, 3);
        vm.prank(CURATOR);
        datanets.grant(id, who, units);
        vm.assertEq(datanets.collectable(id, 2), 6 ether);
        vm.assertEq(datanets.collect(id, 2), 6 ether);
        vm.assertEq(datanets.collect(id, 2), 0);
    }

    /// @dev D1: whatever the order of income, grants and collecting, holders together get exactly what came in, less what waits.
    function testFuzz_D1_a_datanet_pays_out_exactly_what_came_in(uint256 seed) external {
        vm.deal(address(this), 1_000 ether);
        uint256 income;
        uint256 paid;
        for (uint256 i; i < 12; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            uint32 who = uint32(bound(seed >> 8, 1, PEOPLE));
            if (seed % 3 == 0) {
                uint256 amount = bound(seed >> 16, 1, 9_999_999);
                settlement.depositFor{value: amount}(address(datanets));
                vm.prank(address(settlement));
                datanets.onIncome(Keys.DATANET | 1, amount);
                income += amount;
            } else if (seed % 3 == 1) {
                (uint32[] memory one, uint64[] memory units) = (new uint32[](1), new uint64[](1));
                (one[0], units[0]) = (who, datanets.holding(1, who).units + uint64(bound(seed >> 16, 1, 1_000)));
                vm.prank(CURATOR);
                datanets.grant(1, one, units);
            } else {
                paid += datanets.collect(1, who);
            }
        }
        vm.assertEq(settlement.balanceOf(address(datanets)), income - paid);
        for (uint32 who = 1; who <= PEOPLE; ++who) paid += datanets.collect(1, who);
        vm.assertLe(paid, income);
        // Fractions wait with their holders, less than a wei for each, and one for what does not divide.
        vm.assertLe(income - paid, PEOPLE + 1);
    }

    // ---- rules

    function expectBound(Params memory p, bytes32 name) internal {
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, name));
        rules.check(p);
    }

    function test_R1_rules_cannot_leave_their_bounds() external {
        Params memory p = defaults();
        rules.check(p);
        p.contributors = 2_999;
        expectBound(p, "contributors");
        p = defaults();
        p.owner = 3_001;
        expectBound(p, "owner");
        p = defaults();
        p.owner = 3_000;
        expectBound(p, "treasury"); // more than all is given
        p.owner = 1_000;
        expectBound(p, "treasury"); // the house takes too much
        p = defaults();
        p.staticShare = 999;
        expectBound(p, "staticShare");
        p = defaults();
        p.cap = 49;
        expectBound(p, "cap");
        p = defaults();
        p.window = 1 days - 1;
        expectBound(p, "window");
        p = defaults();
        p.bond = 1;
        expectBound(p, "bond");
        p = defaults();
        p.penalty = 23;
        expectBound(p, "deterrence");
        p = defaults();
        p.drawRate = 10;
        expectBound(p, "drawRate");
        p = defaults();
        p.proposalFee = type(uint96).max;
        expectBound(p, "proposalFee");
    }

    function test_R2_rules_change_by_governance_after_a_day() external {
        Params memory p = defaults();
        p.stakers = 0;
        p.contributors = 5_900;
        p.penalty = 30;
        vm.expectRevert(Errors.NotAllowed.selector);
        rules.set(p);
        vm.prank(address(timelock));
        rules.set(p);
        settlement.syncRules();
        vm.assertEq(settlement.rulesInForce(), 1);
        vm.assertEq(rules.current().penalty, 24);
        vm.warp(block.timestamp + 1 days);
        vm.assertEq(settlement.rulesInForce(), 1);
        // An old batch keeps the rules of its time.
        settle(adapter, 0, 100 ether, "");
        settlement.syncRules();
        settle(adapter, 0, 100 ether, "");
        vm.assertEq(settlement.rulesInForce(), 2);
        vm.assertEq(rules.versions(), 2);
        checkpointAll();
        vm.assertEq(honest.get(Keys.MODEL_POOL | adapter), 6 ether);
        vm.expectRevert(Errors.UnknownRules.selector);
        rules.version(3);
        vm.expectRevert(Errors.UnknownRules.selector);
        rules.version(0);
    }
}
